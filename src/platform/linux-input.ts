import { closeSync, openSync, readdirSync, readSync } from "node:fs";
import { look, readIfThere } from "./look.ts";
import type { StandardInput } from "./platform.ts";
import { linkOf } from "./procfs.ts";

/** Calls in which a thread waits for input, by what their arguments name. */
type Kind = "read" | "poll" | "select" | "epoll";

/** Numbers of system calls (asm/unistd.h). */
const CALLS: Readonly<Partial<Record<string, Readonly<Record<number, Kind>>>>> =
	{
		x64: {
			0: "read",
			7: "poll",
			19: "read",
			23: "select",
			232: "epoll",
			270: "select",
			271: "poll",
			275: "read",
			281: "epoll",
			441: "epoll",
		},
		arm64: {
			22: "epoll",
			63: "read",
			65: "read",
			72: "select",
			73: "poll",
			76: "read",
			441: "epoll",
		},
	};

/** Descriptors of one poll(2) or select(2), and threads of one tree, that are looked at. */
const MOST_DESCRIPTORS = 1024;
const MOST_THREADS = 500;

/** What a blocked thread does, in the form of /proc/PID/syscall. */
export interface BlockedCall {
	readonly number: number;
	readonly args: readonly number[];
}

/** The text of /proc/PID/syscall (proc_pid_syscall(5)); undefined of a thread that runs. */
export function parseCall(text: string): BlockedCall | undefined {
	const [number, ...rest] = text.trim().split(" ");
	if (number === undefined || !/^\d+$/.test(number)) return undefined;
	return { number: Number(number), args: rest.slice(0, 6).map(Number) };
}

/** Descriptors of which an epoll instance tells that they can be read, in the text of its fdinfo (proc_pid_fdinfo(5)). */
export function parseEpoll(text: string): number[] {
	return [...text.matchAll(/^tfd:\s*(\d+)\s+events:\s*([0-9a-f]+)/gm)].flatMap(
		([, fd, events]) =>
			Number.parseInt(events ?? "0", 16) & IN ? [Number(fd)] : [],
	);
}

/** POLLIN and EPOLLIN (asm-generic/poll.h). */
const IN = 1;

/** Descriptors to be read in an array of struct pollfd { int fd; short events, revents; }. */
export function parsePoll(bytes: Buffer): number[] {
	const fds: number[] = [];
	for (let at = 0; at + 8 <= bytes.length; at += 8)
		if (bytes.readInt16LE(at + 4) & IN) fds.push(bytes.readInt32LE(at));
	return fds;
}

/** Descriptors in a set of select(2): a bit for each. */
export function parseSet(bytes: Buffer): number[] {
	return [...bytes].flatMap((byte, index) =>
		[0, 1, 2, 3, 4, 5, 6, 7].flatMap((bit) =>
			byte & (1 << bit) ? [index * 8 + bit] : [],
		),
	);
}

/**
 * Sees whether anybody waits to read what a process was given as its standard
 * input: a pipe, or a terminal, of which only the foreground may read.
 */
export class InputWatch {
	/** What the leader's standard input is, as /proc names it. */
	readonly #input: string | undefined;

	/** @param leader has just been started, and has hardly had time to put something else in its place */
	constructor(leader: number, input: StandardInput) {
		// Not the leader's own, where that can be helped: of a process within execve(2)
		// the kernel has who asks wait.
		const link =
			typeof input === "number"
				? linkOf(`/proc/self/fd/${input}`)
				: input === "terminal" && linkOf(`/proc/${leader}/fd/0`);
		const isWatched = link && /^(pipe:|\/dev\/pts\/)/.test(link);
		this.#input = isWatched ? link : undefined;
	}

	/** Whether it is a terminal: who may read that, others decide. */
	get isTerminal(): boolean {
		return this.#input?.startsWith("/") ?? false;
	}

	/** @returns the first of these processes that waits to read it */
	reader(pids: readonly number[]): number | undefined {
		const input = this.#input;
		if (input === undefined) return undefined;
		const { isTerminal } = this;
		let threads = 0;
		return pids.find((pid) => {
			if (isTerminal && !isInForeground(pid)) return false;
			const tasks = look(() => readdirSync(`/proc/${pid}/task`)) ?? [];
			threads += tasks.length;
			if (threads > MOST_THREADS) return false;
			return tasks.some((task) =>
				awaited(pid, task).some((fd) => {
					const link = linkOf(`/proc/${pid}/fd/${fd}`);
					return link === input || (isTerminal && link === "/dev/tty");
				}),
			);
		});
	}
}

/** Whether a process may read its terminal: its group is the terminal's foreground one (tpgid). */
function isInForeground(pid: number): boolean {
	const line = readText(`/proc/${pid}/stat`);
	const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
	// Fields 5 and 8 of proc_pid_stat(5).
	return fields[2] !== undefined && fields[2] === fields[5];
}

/** Descriptors that a thread waits to read. */
function awaited(pid: number, task: string): readonly number[] {
	const call = parseCall(readText(`/proc/${pid}/task/${task}/syscall`));
	if (!call) return [];
	const [first = 0, second = 0] = call.args;
	switch (CALLS[process.arch]?.[call.number]) {
		case "read":
			return [first];
		case "poll":
			return parsePoll(
				memoryOf(pid, first, Math.min(second, MOST_DESCRIPTORS) * 8),
			);
		case "select":
			// The kernel writes the set anew only when it returns.
			return parseSet(
				memoryOf(pid, second, Math.ceil(Math.min(first, MOST_DESCRIPTORS) / 8)),
			);
		case "epoll":
			return parseEpoll(readText(`/proc/${pid}/fdinfo/${first}`));
		default:
			return [];
	}
}

/** Bytes of a process's memory; none where those are not ours to know, or nowhere. */
function memoryOf(pid: number, address: number, length: number): Buffer {
	const bytes = Buffer.alloc(length);
	if (address === 0 || length === 0) return Buffer.alloc(0);
	const count = look(() => {
		const fd = openSync(`/proc/${pid}/mem`, "r");
		try {
			return readSync(fd, bytes, 0, length, address);
		} catch {
			// It was given back in the meantime.
			return 0;
		} finally {
			closeSync(fd);
		}
	});
	return bytes.subarray(0, count ?? 0);
}

/** Empty where there is nothing to read, or nothing that is ours to know. */
function readText(path: string): string {
	return readIfThere(path) ?? "";
}
