import { statSync } from "node:fs";
import { join } from "node:path";

/** What of an image says how it is run; of the OCI's image configuration. */
export interface ImageConfig {
	readonly User: string;
	readonly Env: readonly string[];
	readonly WorkingDir: string;
	readonly Entrypoint: readonly string[];
	readonly Cmd: readonly string[];
}

/** A folder or a file of this machine that a container sees. */
interface Volume {
	readonly source: string;
	readonly target: string;
	readonly isReadOnly: boolean;
}

/** What a `docker run` asks for, as far as it is known here. */
export interface ContainerRun {
	readonly isInteractive: boolean;
	readonly isReadOnly: boolean;
	readonly hasInit: boolean;
	readonly user: string | undefined;
	readonly tmpfs: readonly string[];
	readonly volumes: readonly Volume[];
	readonly image: string;
	readonly command: readonly string[];
}

/** The arguments of `docker` that the README gives to an agent's client. */
export function dockerArguments(readme: string): string[] {
	for (const [, block = ""] of readme.matchAll(/```json\n([\s\S]*?)\n```/g)) {
		if (!block.includes('"docker"')) continue;
		const { command, args } = JSON.parse(block).mcpServers.process;
		if (command === "docker") return args;
	}
	throw new Error("no block of the README runs docker");
}

/**
 * Reads what follows `docker`.
 *
 * @throws Error at anything that isn't known here, so that nothing is left out
 */
export function readDockerRun(args: readonly string[]): ContainerRun {
	const [run, ...rest] = args;
	if (run !== "run") throw new Error(`docker ${run} is not known here`);
	const flags = new Set<string>();
	const values = new Map<string, string[]>();
	while (rest[0]?.startsWith("-")) {
		const flag = rest.shift() ?? "";
		if (["-i", "--rm", "--init", "--read-only"].includes(flag)) flags.add(flag);
		else if (["-v", "--tmpfs", "--user"].includes(flag))
			values.set(flag, [...(values.get(flag) ?? []), rest.shift() ?? ""]);
		else throw new Error(`docker run ${flag} is not known here`);
	}
	const [image = "", ...command] = rest;
	return {
		isInteractive: flags.has("-i"),
		isReadOnly: flags.has("--read-only"),
		hasInit: flags.has("--init"),
		user: values.get("--user")?.at(-1),
		tmpfs: values.get("--tmpfs") ?? [],
		volumes: (values.get("-v") ?? []).map((text) => {
			const [source = "", target = "", mode] = text.split(":");
			return { source, target, isReadOnly: mode === "ro" };
		}),
		image,
		command,
	};
}

/** A process that has taken the place of the first one, and reaps. */
const INIT = 'exec 3<&0; "$@" <&3 3<&- & exec 3<&-; wait $!';

/** What a container is made of. */
export interface Container {
	readonly run: ContainerRun;
	readonly image: ImageConfig;
	/** The folder with its files; places for volumes are made in it. */
	readonly root: string;
	/** What to take for the source of a volume. */
	place(source: string): string;
}

/**
 * A command that does what docker does by default: namespaces for mounts,
 * processes, names and messages, a proc and devices of its own, the image's
 * environment and nothing else, and its user, who has no capabilities.
 */
export function containerCommand(container: Container): string[] {
	const { run, image, root } = container;
	const inside = (path: string) => quoted(join(root, path));
	const script = [
		"set -e",
		`mount --bind ${quoted(root)} ${quoted(root)}`,
		`mount -t proc proc ${inside("/proc")}`,
		`mount -t sysfs -o ro sysfs ${inside("/sys")}`,
		`mount -t tmpfs -o mode=755,nosuid tmpfs ${inside("/dev")}`,
		...["null", "zero", "full", "random", "urandom"].map(
			(name) =>
				`touch ${inside(`/dev/${name}`)}; mount --bind /dev/${name} ${inside(`/dev/${name}`)}`,
		),
		`mkdir ${inside("/dev/pts")} ${inside("/dev/shm")}`,
		`mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts ${inside("/dev/pts")}`,
		`ln -s pts/ptmx ${inside("/dev/ptmx")}`,
		`ln -s /proc/self/fd ${inside("/dev/fd")}`,
		`mount -t tmpfs -o mode=1777,noexec,nosuid,nodev tmpfs ${inside("/dev/shm")}`,
		...run.tmpfs.map(
			(path) =>
				`mount -t tmpfs -o mode=1777,noexec,nosuid,nodev tmpfs ${inside(path)}`,
		),
		...run.volumes.flatMap(({ source, target, isReadOnly }) => {
			const path = container.place(source);
			const make = statSync(path).isDirectory() ? "mkdir -p" : "touch";
			return [
				`${make} ${inside(target)}`,
				`mount --bind ${quoted(path)} ${inside(target)}`,
				...(isReadOnly ? [`mount -o remount,bind,ro ${inside(target)}`] : []),
			];
		}),
		...(run.isReadOnly ? [`mount -o remount,bind,ro ${quoted(root)}`] : []),
		`cd ${quoted(root)}`,
		'exec "$@"',
	].join("\n");
	return [
		...["unshare", "--mount", "--uts", "--ipc", "--pid", "--fork"],
		...["--kill-child", "--propagation", "private", "sh", "-c", script, "sh"],
		...["env", "-i", ...image.Env],
		...["chroot", `--userspec=${run.user ?? image.User}`, "--groups=", root],
		...["sh", "-c", 'cd "$0" && exec "$@"', image.WorkingDir],
		...(run.hasInit ? ["sh", "-c", INIT, "init"] : []),
		...image.Entrypoint,
		...(run.command.length > 0 ? run.command : image.Cmd),
	];
}

function quoted(text: string): string {
	return `'${text.replaceAll("'", `'\\''`)}'`;
}
