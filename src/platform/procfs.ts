import { readdirSync, readlinkSync } from "node:fs";
import { look, readIfThere, readRecord } from "./look.ts";
import { sendSignal } from "./signal.ts";

/** What /proc/PID/stat says that matters here; times in clock ticks (proc_pid_stat(5)). */
export interface ProcStat {
	readonly pid: number;
	readonly state: string;
	readonly parent: number;
	readonly group: number;
	readonly session: number;
	/** CPU of the process itself. */
	readonly ownTicks: number;
	/** CPU of the children that it waited for, and of theirs. */
	readonly waitedTicks: number;
	readonly threads: number;
	/** Ticks after boot: with the pid it names one process for good. */
	readonly startTime: number;
	readonly residentPages: number;
	/** Nothing of it is known but that it lives; see `hiddenStat`. */
	readonly isHidden?: true;
}

/**
 * Of a process that lives and that /proc does not show: mounted with hidepid=2, it
 * hides those of other users and those that are not dumpable (proc(5)). To be asked
 * only of a pid that is known to be the process's by other means.
 */
export function hiddenStat(pid: number): ProcStat | undefined {
	if (!sendSignal(pid, 0)) return undefined;
	return {
		pid,
		state: "?",
		parent: 0,
		group: 0,
		session: 0,
		ownTicks: 0,
		waitedTicks: 0,
		threads: 1,
		startTime: Number.NaN,
		residentPages: 0,
		isHidden: true,
	};
}

/** Parses a line of /proc/PID/stat, whose second field may hold spaces and parentheses. */
export function parseStat(text: string): ProcStat | undefined {
	const close = text.lastIndexOf(")");
	if (close < 0) return undefined;
	// Field n of the manual page, counted from 1, is fields[n - 3].
	const fields = text.slice(close + 2).split(" ");
	const number = (field: number) => Number(fields[field - 3]);
	return {
		pid: Number.parseInt(text, 10),
		state: fields[0] ?? "",
		parent: number(4),
		group: number(5),
		session: number(6),
		ownTicks: number(14) + number(15),
		waitedTicks: number(16) + number(17),
		threads: number(20),
		startTime: number(22),
		residentPages: number(24),
	};
}

/** A process's stat; undefined where there is none of that pid. */
export function readStat(pid: number): ProcStat | undefined {
	const text = readRecord(`/proc/${pid}/stat`);
	return text === undefined ? undefined : parseStat(text);
}

/**
 * Zombies and dead processes have ended and only wait to be reaped; but one whose
 * first thread ended before the others (pthread_exit(3)) looks like a zombie, too.
 */
export function hasEnded({ state, threads }: ProcStat): boolean {
	return (state === "Z" && threads <= 1) || state === "X" || state === "x";
}

/**
 * Children of all threads of a process (CONFIG_PROC_CHILDREN).
 *
 * @param threads how many it has, where that is known: of one, one file tells all
 */
export function childrenOf(pid: number, threads = 2): number[] {
	if (threads <= 1) return childrenOfThread(pid, pid);
	const found = look(() => readdirSync(`/proc/${pid}/task`)) ?? [];
	return found.flatMap((thread) => childrenOfThread(pid, thread));
}

/**
 * Children of a process's first thread: where the kernel puts adopted ones
 * (find_new_reaper() in kernel/exit.c), and one read instead of one a thread.
 */
export function childrenOfMainThread(pid: number): number[] {
	return childrenOfThread(pid, pid);
}

function childrenOfThread(pid: number, thread: number | string): number[] {
	const text = readIfThere(`/proc/${pid}/task/${thread}/children`);
	return text ? text.split(" ").filter(Boolean).map(Number) : [];
}

/** The stat of every process on the machine. */
export function allProcesses(): ProcStat[] {
	return readdirSync("/proc").flatMap((name) => {
		const pid = Number(name);
		return Number.isInteger(pid) ? (readStat(pid) ?? []) : [];
	});
}

/**
 * Bytes that a process, and the children that it waited for, read and wrote
 * through system calls; undefined where that is not ours to know.
 */
export function readIo(
	pid: number,
): { readonly read: number; readonly written: number } | undefined {
	const text = readRecord(`/proc/${pid}/io`);
	const match = text?.match(/^rchar: (\d+)\nwchar: (\d+)$/m);
	return match
		? { read: Number(match[1]), written: Number(match[2]) }
		: undefined;
}

/** Bytes of memory, of shared pages only this process's share (PSS); undefined where that is not ours to know. */
export function readProportionalSize(pid: number): number | undefined {
	const text = readRecord(`/proc/${pid}/smaps_rollup`);
	const kilobytes = text?.match(/^Pss:\s+(\d+) kB$/m)?.[1];
	return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}

const KCMP_VM = 1;
/** Numbers of kcmp(2) by architecture. */
const KCMP = { x64: 312, arm64: 272 } as const;

/** Asks kcmp(2) whether two processes have the very same memory, as after vfork(2). */
export function makeSharesMemory(
	syscall: (
		...args: [number, number, number, number, number, number]
	) => unknown,
): (one: number, other: number) => boolean {
	const number = KCMP[process.arch as keyof typeof KCMP];
	return (one, other) =>
		number !== undefined &&
		Number(syscall(number, one, other, KCMP_VM, 0, 0)) === 0;
}

/** The most memory that a process had at one time, in bytes (VmHWM); undefined where it has none any more. */
export function readPeakSize(pid: number): number | undefined {
	const text = readRecord(`/proc/${pid}/status`);
	const kilobytes = text?.match(/^VmHWM:\s+(\d+) kB$/m)?.[1];
	return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}

/** Open file descriptors; 0 where that is not ours to know. */
export function countDescriptors(pid: number): number {
	return descriptorsOf(pid).length;
}

/** Numbers of a process's open file descriptors; none where that is not ours to know. */
function descriptorsOf(pid: number | "self"): readonly string[] {
	try {
		return readdirSync(`/proc/${pid}/fd`);
	} catch {
		return [];
	}
}

/** Descriptors that are looked through for sockets; each is a system call. */
const MOST_DESCRIPTORS = 5000;

/** The kernel's numbers of the sockets that processes hold; undefined where they hold too much to look through. */
export function socketsOf(
	pids: readonly number[],
): ReadonlySet<string> | undefined {
	const open = pids.map((pid) => ({ pid, fds: descriptorsOf(pid) }));
	const count = open.reduce((sum, { fds }) => sum + fds.length, 0);
	if (count > MOST_DESCRIPTORS) return undefined;
	return new Set(
		open
			.flatMap(({ pid, fds }) => socketsAndPipes(pid, fds))
			.flatMap((id) => id.match(/^socket:\[(\d+)\]$/)?.[1] ?? []),
	);
}

/**
 * Ports of those sockets that listen for TCP, ascending.
 *
 * @param member a process that sees them, as it has the same network
 */
export function listeningPorts(
	sockets: ReadonlySet<string>,
	member: number | undefined,
): number[] {
	if (sockets.size === 0) return [];
	const ports = ["tcp", "tcp6"].flatMap((table) =>
		parseListening(readIfThere(`/proc/${member}/net/${table}`) ?? "")
			.filter(({ inode }) => sockets.has(inode))
			.map(({ port }) => port),
	);
	return [...new Set(ports)].sort((a, b) => a - b);
}

const LISTEN = "0A";

/** The listening sockets in the text of /proc/net/tcp (proc_pid_net(5)). */
export function parseListening(
	text: string,
): { readonly port: number; readonly inode: string }[] {
	return text.split("\n").flatMap((line) => {
		const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
		if (state !== LISTEN || !local || !inode) return [];
		return [{ port: Number.parseInt(local.split(":")[1] ?? "", 16), inode }];
	});
}

/** The kernel's names of a process's sockets and pipes (`pipe:[4711]`); none where those are not ours to know. */
export function socketAndPipeIds(pid: number | "self"): string[] {
	return socketsAndPipes(pid, descriptorsOf(pid));
}

function socketsAndPipes(
	pid: number | "self",
	fds: readonly string[],
): string[] {
	return fds.flatMap((fd) => {
		const target = linkOf(`/proc/${pid}/fd/${fd}`) ?? "";
		return /^(socket|pipe):/.test(target) ? target : [];
	});
}

/** Where a link points; undefined where it is not there or not ours to know. */
export function linkOf(path: string): string | undefined {
	return look(() => readlinkSync(path));
}
