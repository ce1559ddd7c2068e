import { closeSync, existsSync } from "node:fs";
import { dirname } from "node:path";
import { diagnose, messageOf } from "../errors.ts";
import {
	type Enclosure,
	type Platform,
	SHELL,
	type Tree,
} from "../platform/platform.ts";
import type { Admitted } from "../security/gate.ts";
import type { Limits } from "../security/resources.ts";
import { isCompiled } from "../security/self.ts";
import { type Exit, exitOf } from "./exit.ts";
import { launchFailure } from "./launch-failure.ts";
import {
	type OutputStream,
	outputOf,
	type UnreadPipe,
	unreadOf,
} from "./output-pipe.ts";
import { type InputStream, inputOf } from "./stdin.ts";
import { ProcessTerminal, type TerminalSize, termOf } from "./terminal.ts";
import { startUnchanged } from "./unchanged.ts";

/** A running child's streams and its end. */
export interface Launched {
	readonly pid: number;
	readonly tree: Tree;
	readonly stdin: InputStream | undefined;
	readonly stdout: OutputStream | undefined;
	/** Standard output that is not read yet, in place of `stdout`. */
	readonly unread?: UnreadPipe | undefined;
	readonly stderr: OutputStream | undefined;
	/** What its streams are, where it was given one: all it writes is `stdout`. */
	readonly terminal?: ProcessTerminal;
	readonly exited: Promise<Exit>;
}

export interface StreamOptions {
	/** Read standard output and error; otherwise they are discarded. */
	readonly capture: boolean;
	/** One pipe for both of them, read as standard output; see `requireMerge`. */
	readonly merge?: boolean;
	/** Give it a standard input that can be written; otherwise it reads its end at once. */
	readonly input: boolean;
	/** Its standard input in place of that: what another child writes. */
	readonly source?: UnreadPipe | undefined;
	/** Leave its standard output unread for now, where there are kernel pipes. */
	readonly unread?: boolean;
	/** Give it a terminal of this size for its streams. */
	readonly terminal?: TerminalSize | undefined;
	/** Limits that the system may hold it to by itself, as far as it can. */
	readonly limits?: Limits;
}

/** A stream's two sides: what the child is given, and what stays here. */
interface Joint {
	readonly child: number | "pipe" | "ignore";
	/** Read or write end on this side; undefined where the runtime makes it. */
	readonly ours: number | undefined;
}

/**
 * Starts a process that the gate admitted, as the leader of a process group
 * and session of its own.
 *
 * @throws ProcessError SPAWN_FAILED, PERMISSION_DENIED or INVALID_WORKING_DIRECTORY
 */
export function launch(
	admitted: Admitted,
	options: StreamOptions,
	platform: Platform,
): Launched {
	if (options.terminal)
		return launchInTerminal(admitted, options, options.terminal, platform);
	const opened: number[] = [];
	const enclosure = platform.enclose(options.limits ?? {});
	const { pipes } = platform;
	const join = (wanted: boolean, toChild: boolean): Joint => {
		if (!wanted) return { child: "ignore", ours: undefined };
		if (!pipes) return { child: "pipe", ours: undefined };
		const { read, write } = pipes.open();
		opened.push(read, write);
		return toChild
			? { child: read, ours: write }
			: { child: write, ours: read };
	};
	try {
		const { source } = options;
		const stdin: Joint = source
			? { child: source.fd, ours: undefined }
			: join(options.input, true);
		const stdout = join(options.capture, false);
		const stderr =
			options.capture && options.merge
				? { child: stdout.child, ours: undefined }
				: join(options.capture, false);
		if (stdin.ours !== undefined) pipes?.setNonBlocking(stdin.ours);
		const { child, ...followed } = follow(
			admitted,
			[stdin.child, stdout.child, stderr.child],
			enclosure,
			platform,
		);
		opened.length = 0;
		const given = new Set([stdin.child, stdout.child, stderr.child]);
		for (const end of given) if (typeof end === "number") closeSync(end);
		source?.leave();
		const unread = options.unread ? unreadOf(stdout.ours, pipes) : undefined;
		return {
			...followed,
			stdin: inputOf(stdin.ours, child.stdin, pipes),
			stdout: unread ? undefined : outputOf(stdout.ours, child.stdout),
			unread,
			stderr: outputOf(stderr.ours, child.stderr),
		};
	} catch (error) {
		for (const fd of opened) closeSync(fd);
		enclosure.abandon();
		throw launchFailure(error, admitted);
	}
}

/** With a terminal for its three streams, which is its session's (setsid(2), TIOCSCTTY). */
function launchInTerminal(
	admitted: Admitted,
	{ capture, input, limits = {} }: StreamOptions,
	size: TerminalSize,
	platform: Platform,
): Launched {
	const terminal = new ProcessTerminal(size, platform.terminals);
	const enclosure = platform.enclose(limits);
	try {
		const { options } = terminal;
		const { child, ...followed } = follow(
			admitted,
			options,
			enclosure,
			platform,
		);
		terminal.attach(child.terminal);
		return {
			...followed,
			stdin: input ? terminal.input : undefined,
			stdout: capture ? terminal.output : terminal.discard(),
			stderr: undefined,
			terminal,
		};
	} catch (error) {
		enclosure.abandon();
		throw launchFailure(error, admitted);
	}
}

/** The write end of a guard's pipe, and the guard's own process group. */
export interface SpawnedGuard {
	readonly fd: number;
	readonly group: number;
	/** Resolves once it is out of the reach of the death signal. */
	readonly ready: Promise<unknown>;
}

/**
 * Starts the shell that looks after process groups should this server be killed;
 * see `Guard`. It is this server's own and runs nothing of an agent's.
 *
 * @returns undefined where there is no shell or no pipe
 * @throws Error where it can't be started now, for want of descriptors or processes
 */
export function spawnGuard(
	script: string,
	platform: Platform,
): SpawnedGuard | undefined {
	const { pipes } = platform;
	if (!pipes || !existsSync(SHELL)) return undefined;
	const { read, write } = pipes.open();
	try {
		pipes.setNonBlocking(write);
		const { pid, exited } = platform.unmarked(() =>
			Bun.spawn({
				cmd: [SHELL, "-c", script],
				cwd: "/",
				env: {},
				stdio: [read, "ignore", "ignore"],
				detached: true,
			}),
		);
		platform.keepOut(pid);
		const ready = exited.then(() => platform.reaped(pid));
		return { fd: write, group: pid, ready };
	} catch (error) {
		closeSync(write);
		throw error;
	} finally {
		closeSync(read);
	}
}

/**
 * Starts this program once more, for what the server can't do itself. It is the
 * server's own and runs nothing of an agent's.
 */
export function startSelf(args: readonly string[]): void {
	const { execPath } = process;
	const program = isCompiled() ? [execPath] : [execPath, Bun.main];
	try {
		Bun.spawn({
			cmd: [...program, ...args],
			cwd: dirname(execPath),
			env: {},
			stdio: ["ignore", "ignore", "ignore"],
			windowsHide: true,
		});
	} catch (error) {
		diagnose(`${args[0]}: ${messageOf(error)}`);
	}
}

/** Milliseconds that a shell which does nothing may take. */
const TRIAL = 1000;

/**
 * Whether what is started in a control group lives; told by a shell that does nothing.
 * Linux, 6.18 at least, kills at its birth what is started into a group from another
 * one where only one of both was ever killed (cgroup.kill): `kill_seq` in
 * cgroup_css_set_fork() of kernel/cgroup/cgroup.c is taken of the starter's. It is
 * the server's own and runs nothing of an agent's.
 */
export function livesIn(cgroup: string): boolean {
	if (!existsSync(SHELL)) return true;
	try {
		const { signalCode } = Bun.spawnSync({
			cmd: [SHELL, "-c", ":"],
			cwd: "/",
			env: {},
			stdio: ["ignore", "ignore", "ignore"],
			cgroup,
			timeout: TRIAL,
		});
		return signalCode !== "SIGKILL";
	} catch {
		// Each start says so by itself.
		return true;
	}
}

type Stdio =
	| [Joint["child"], Joint["child"], Joint["child"]]
	| Bun.TerminalOptions;

/** Starts it and follows its tree; what can't be followed must not run. */
function follow(
	admitted: Admitted,
	stdio: Stdio,
	enclosure: Enclosure,
	platform: Platform,
): Pick<Launched, "pid" | "tree" | "exited"> & { readonly child: Child } {
	const child = startUnchanged(admitted, platform, (directory) => {
		const start = () => spawnIn(enclosure, admitted, directory, stdio);
		try {
			return start();
		} catch (error) {
			// Once more where there is another way; nothing of it ran.
			if (!enclosure.fallBack(error)) throw error;
			return start();
		}
	});
	const { pid } = child;
	const exited = child.exited.then((code) => {
		platform.reaped(pid);
		return exitOf(child, code);
	});
	const input = Array.isArray(stdio) ? stdio[0] : "terminal";
	try {
		return { child, pid, exited, tree: enclosure.track(pid, input) };
	} catch (error) {
		child.kill("SIGKILL");
		throw error;
	}
}

function spawnIn(
	enclosure: Enclosure,
	admitted: Admitted,
	cwd: string,
	stdio: Stdio,
) {
	const { executable, argv0, args, env } = admitted;
	const cmd = [executable.real, ...args];
	const common = { argv0, cwd, ...enclosure.spawn, windowsHide: true };
	return Array.isArray(stdio)
		? Bun.spawn(cmd, { ...common, env, stdio })
		: Bun.spawn(cmd, {
				...common,
				env: { ...env, TERM: termOf(env.TERM) },
				terminal: stdio,
			});
}

type Child = ReturnType<typeof spawnIn>;
