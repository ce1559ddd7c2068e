import {
	afterAll,
	beforeAll,
	describe,
	expect,
	it,
	setDefaultTimeout,
} from "bun:test";
import { chmodSync, chownSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { initializeRequest } from "../support/raw.ts";
import { type Program, Scratch } from "../support/server.ts";
import { wholeSession } from "../support/session.ts";
import {
	type Container,
	containerCommand,
	dockerArguments,
	type ImageConfig,
	readDockerRun,
} from "./container.ts";

setDefaultTimeout(600_000);

const ROOT = join(import.meta.dir, "../..");
const CONFIG = "/etc/mcp-process.json";

const scratch = new Scratch();
afterAll(() => scratch[Symbol.dispose]());

/**
 * A folder with a base system whose packages are unpacked, not set up, which the
 * image needs nothing of and takes twice as long; undefined where none can be made.
 */
const base =
	process.env.MCP_PROCESS_IMAGE === "1"
		? makeBase(join(scratch.path, "base"))
		: undefined;
if (base === undefined)
	console.warn(
		"the image is not tested: MCP_PROCESS_IMAGE is not 1, or debootstrap made no base",
	);

function makeBase(folder: string): string | undefined {
	const { success, stdout } = Bun.spawnSync(
		["debootstrap", "--variant=minbase", "--foreign", "bookworm", folder],
		{ timeout: 600_000 },
	);
	if (!success) {
		console.warn(stdout.toString().slice(-2000));
		return undefined;
	}
	// In a container debootstrap makes a link to the machine's own of it.
	rmSync(join(folder, "proc"), { recursive: true });
	mkdirSync(join(folder, "proc"));
	return folder;
}

const BUILDAH = [
	...["buildah", "--storage-driver", "vfs"],
	...["--root", join(scratch.path, "storage")],
	...["--runroot", join(scratch.path, "run")],
];

function run(command: readonly string[]): string {
	const { success, stdout, stderr } = Bun.spawnSync([...command], {
		cwd: ROOT,
		stdin: "ignore",
	});
	if (!success) throw new Error(`${command.join(" ")}: ${stderr.toString()}`);
	return stdout.toString().trim();
}

const buildah = (...args: readonly string[]) => run([...BUILDAH, ...args]);

/** Builds the image as its file says; returns how it is run, and its files. */
function build() {
	const folder = join(scratch.path, "context");
	const compile = ["build.ts", "--target", "linux-x64", "--out", folder];
	run([process.execPath, ...compile]);
	const empty = buildah("from", "scratch");
	buildah("add", "--quiet", empty, base ?? "", "/");
	buildah("commit", "--quiet", "--rm", empty, "local/base");
	buildah(
		...["build", "--isolation", "chroot", "--tag", "mcp-process"],
		...["--build-arg", "BASE=localhost/local/base"],
		...["--file", "Dockerfile", folder],
	);
	const image = JSON.parse(
		buildah("inspect", "--type", "image", "localhost/mcp-process"),
	).OCIv1.config as ImageConfig;
	const root = buildah(
		"mount",
		buildah("from", "--pull-never", "localhost/mcp-process"),
	);
	return { image, root };
}

describe.skipIf(base === undefined)("the image, run as the README says", () => {
	const readme = readFileSync(join(ROOT, "README.md"), "utf8");
	const docker = readDockerRun(dockerArguments(readme));
	const [uid, gid] = (docker.user ?? "").split(":");
	const project = join(scratch.path, "project");
	let built: ReturnType<typeof build>;
	beforeAll(() => {
		built = build();
		mkdirSync(project);
		chownSync(project, Number(uid), Number(gid));
		// The image's user has to come to what is mounted from here.
		chmodSync(scratch.path, 0o755);
	});

	/** The container with a configuration of this machine's. */
	const containerWith = (config: string): Container => ({
		run: docker,
		...built,
		place(source) {
			if (source.endsWith(".json")) return config;
			if (source.endsWith("/project")) return project;
			throw new Error(`nothing stands for ${source}`);
		},
	});

	it("has an unprivileged user of its own", () => {
		expect(built.image.User).toBe("65532:65532");
	});

	it("serves a whole session to a client", async () => {
		expect(docker.isInteractive).toBe(true);
		// It is what the test's client appends to the command.
		const own = ["--config", CONFIG];
		expect(built.image.Cmd).toEqual(own);
		let folder: string | undefined;
		const program: Program = {
			command: "unshare",
			get args() {
				const config = join(folder ?? "", "config.json");
				return containerCommand(containerWith(config)).slice(1, -own.length);
			},
			env: {},
			path(path) {
				folder = dirname(path);
				return path.endsWith(".log") ? "/tmp/state/audit.log" : CONFIG;
			},
		};
		await wholeSession({ program, contained: true }, () => false);
	});

	it("can write where it has to, and nowhere else, and is nobody", () => {
		const config = scratch.write("probe.json", "{}");
		const container = containerWith(config);
		const written = ["/", "/etc", "/usr/local/bin", "/tmp", "/work", CONFIG];
		const script = `
			id -u; id -G; grep CapEff /proc/self/status
			for place in ${written.join(" ")}; do
				if [ -d $place ]; then touch $place/new; else echo >>$place; fi 2>/dev/null && echo $place
			done
			pwd; echo $HOME $XDG_STATE_HOME; cat /proc/1/cmdline | head -c 2`;
		const image = { ...built.image, Entrypoint: ["sh", "-c"], Cmd: [script] };
		const said = run(containerCommand({ ...container, image }));
		expect(said.split("\n")).toEqual([
			String(uid),
			String(gid),
			"CapEff:\t0000000000000000",
			...["/tmp", "/work"],
			"/work",
			"/tmp /tmp/state",
			"sh",
		]);
	});

	it("keeps its audit log where it can be written, unless told another place", () => {
		const config = scratch.write("default.json", "{}");
		const messages = [
			initializeRequest(1),
			{ jsonrpc: "2.0", method: "notifications/initialized" },
			{
				jsonrpc: "2.0",
				id: 2,
				method: "tools/call",
				params: { name: "process_start", arguments: { executable: "sh" } },
			},
		].map((message) => JSON.stringify(message));
		const { Entrypoint, Cmd } = built.image;
		const script = `printf '%s\\n' "$@" | ${[...Entrypoint, ...Cmd].join(" ")} >/dev/null; find /tmp -type f`;
		const image = {
			...built.image,
			Entrypoint: ["sh", "-c", script, "sh"],
			Cmd: messages,
		};
		const said = run(containerCommand({ ...containerWith(config), image }));
		expect(said).toBe("/tmp/state/mcp-process/audit.log");
		expect(readme).toContain(said);
	});
});

describe("the reading of docker run", () => {
	it("leaves nothing out", () => {
		const args = ["run", "-i", "--read-only", "-v", "/a:/b:ro", "image", "-v"];
		expect(readDockerRun(args)).toMatchObject({
			isReadOnly: true,
			hasInit: false,
			volumes: [{ source: "/a", target: "/b", isReadOnly: true }],
			image: "image",
			command: ["-v"],
		});
		expect(() => readDockerRun(["run", "--privileged", "image"])).toThrow(
			"--privileged",
		);
	});
});
