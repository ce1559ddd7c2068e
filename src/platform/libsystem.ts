import { dlopen, type Pointer, ptr } from "bun:ffi";
import {
	PROC_PIDFDSOCKETINFO,
	PROC_PIDLISTFDS,
	PROC_PIDT_SHORTBSDINFO,
	PROC_PIDTASKINFO,
	PROC_PIDUNIQIDENTIFIERINFO,
	parseLineage,
	parseListeningPort,
	parsePids,
	parseResourceUsage,
	parseShortInfo,
	parseSockets,
	parseTaskInfo,
	type ResourceUsage,
	RUSAGE_INFO_V4,
	SIZES,
	type TaskInfo,
} from "./libproc.ts";
import type { PipeEnds } from "./platform.ts";
import type { ProcessEntry, ProcessSource } from "./process-table.ts";

/**
 * An argument that `fcntl` takes by `...`, given in both places where a Mac's C
 * library may look for it: the third register (x86-64), and, on arm64, where
 * Apple passes such arguments on the stack alone, the first place on the stack.
 * That is the ninth argument's, as eight registers come before it, and it fills
 * that place, as arguments of declared functions are packed there ("Writing
 * ARM64 code for Apple platforms").
 */
const VARIADIC = ["i64", "i64", "i64", "i64", "i64", "i64", "i64"] as const;

const LIBSYSTEM = {
	proc_listallpids: { args: ["ptr", "i32"], returns: "i32" },
	proc_pidinfo: { args: ["i32", "i32", "u64", "ptr", "i32"], returns: "i32" },
	proc_pidfdinfo: { args: ["i32", "i32", "i32", "ptr", "i32"], returns: "i32" },
	proc_pid_rusage: { args: ["i32", "i32", "ptr"], returns: "i32" },
	getsid: { args: ["i32"], returns: "i32" },
	mach_timebase_info: { args: ["ptr"], returns: "i32" },
	pipe: { args: ["ptr"], returns: "i32" },
	close: { args: ["i32"], returns: "i32" },
	fcntl: { args: ["i32", "i32", ...VARIADIC], returns: "i32" },
} as const;

/** The system's library; there is no file of that path, but the loader has it. */
const LIBSYSTEM_PATH = "/usr/lib/libSystem.B.dylib";

function load() {
	return dlopen(LIBSYSTEM_PATH, LIBSYSTEM).symbols;
}

export type LibSystem = ReturnType<typeof load>;

/** @throws Error where there is no such library */
export const openLibSystem: () => LibSystem = load;

const F_GETFD = 1;
const F_SETFD = 2;
const F_GETFL = 3;
const F_SETFL = 4;
const FD_CLOEXEC = 1;
const O_NONBLOCK = 4;

/** fcntl(2). */
function control(
	libc: Pick<LibSystem, "fcntl">,
	fd: number,
	command: number,
	argument = 0,
): number {
	return libc.fcntl(fd, command, argument, 0, 0, 0, 0, 0, argument);
}

/** A kernel pipe (pipe(2)) that children don't inherit. */
export function openPipe(libc: LibSystem): PipeEnds {
	const ends = new Int32Array(2);
	if (libc.pipe(ptr(ends)) !== 0)
		throw new Error("pipe failed: too many open files");
	const [read = -1, write = -1] = ends;
	// The runtime starts children with POSIX_SPAWN_CLOEXEC_DEFAULT too.
	for (const fd of ends) control(libc, fd, F_SETFD, FD_CLOEXEC);
	return { read, write };
}

/** Makes writes that would block fail with EAGAIN instead. */
export function setNonBlocking(
	libc: Pick<LibSystem, "fcntl">,
	fd: number,
): void {
	control(libc, fd, F_SETFL, control(libc, fd, F_GETFL) | O_NONBLOCK);
}

/** Whether a pipe gets the flags that it is to get; to read them takes no argument. */
export function pipesWork(libc: LibSystem): boolean {
	const { read, write } = openPipe(libc);
	try {
		setNonBlocking(libc, write);
		return (
			control(libc, read, F_GETFD) === FD_CLOEXEC &&
			control(libc, write, F_GETFD) === FD_CLOEXEC &&
			(control(libc, write, F_GETFL) & O_NONBLOCK) !== 0 &&
			(control(libc, read, F_GETFL) & O_NONBLOCK) === 0
		);
	} finally {
		libc.close(read);
		libc.close(write);
	}
}

/** Bytes for a list that is asked for anew when it fills them. */
const FIRST_LIST = 8192;
/** Makes the kernel look among zombies, too (proc_pidinfo() in bsd/kern/proc_info.c). */
const WITH_ZOMBIES = 1;

/** Processes and what they use, as libproc tells; each call is one or two system calls. */
export class LibProc implements ProcessSource {
	readonly #short = new Uint8Array(SIZES.shortInfo);
	readonly #identity = new Uint8Array(SIZES.identity);
	readonly #task = new Uint8Array(SIZES.taskInfo);
	readonly #usage = new Uint8Array(SIZES.resourceUsage);
	readonly #socket = new Uint8Array(SIZES.socketInfo);
	#list = new Uint8Array(FIRST_LIST);
	/** Seconds of one unit of the Mach clock, in which the kernel counts CPU. */
	readonly #secondsPerUnit: number;

	constructor(private readonly libc: LibSystem) {
		// struct mach_timebase_info { numer, denom }: nanoseconds of a unit.
		const timebase = new Uint32Array(2);
		libc.mach_timebase_info(ptr(timebase));
		const [numerator = 1, denominator = 1] = timebase;
		this.#secondsPerUnit = numerator / denominator / 1e9;
	}

	list(): ProcessEntry[] {
		const pids = parsePids(
			this.#growing(
				(buffer, size) => this.libc.proc_listallpids(buffer, size) * 4,
			),
		);
		return pids.flatMap((pid) => this.find(pid) ?? []);
	}

	find(pid: number): ProcessEntry | undefined {
		const info = this.#ask(
			pid,
			PROC_PIDT_SHORTBSDINFO,
			WITH_ZOMBIES,
			this.#short,
		);
		const identity = this.#ask(
			pid,
			PROC_PIDUNIQIDENTIFIERINFO,
			WITH_ZOMBIES,
			this.#identity,
		);
		const short = info && parseShortInfo(info);
		const lineage = identity && parseLineage(identity);
		if (short?.pid !== pid || !lineage) return undefined;
		const session = Math.max(0, this.libc.getsid(pid));
		return { ...short, ...lineage, session };
	}

	/**
	 * Seconds of CPU and bytes, also of one that has ended and waits to be reaped;
	 * undefined where that is not this user's to know.
	 */
	usage(pid: number):
		| (ResourceUsage & {
				readonly cpuSeconds: number;
				readonly childCpuSeconds: number;
		  })
		| undefined {
		const failed = this.libc.proc_pid_rusage(
			pid,
			RUSAGE_INFO_V4,
			ptr(this.#usage),
		);
		const usage = failed === 0 ? parseResourceUsage(this.#usage) : undefined;
		return (
			usage && {
				...usage,
				cpuSeconds: usage.ownTime * this.#secondsPerUnit,
				childCpuSeconds: usage.childTime * this.#secondsPerUnit,
			}
		);
	}

	/** Undefined where that is not this user's to know. */
	task(pid: number): TaskInfo | undefined {
		const answer = this.#ask(pid, PROC_PIDTASKINFO, 0, this.#task);
		return answer && parseTaskInfo(answer);
	}

	/** Descriptors that are sockets; none where that is not this user's to know. */
	sockets(pid: number): number[] {
		return parseSockets(
			this.#growing((buffer, size) =>
				this.libc.proc_pidinfo(pid, PROC_PIDLISTFDS, 0, buffer, size),
			),
		);
	}

	/** The port on which a socket listens, if it does. */
	listeningPort(pid: number, fd: number): number | undefined {
		const count = this.libc.proc_pidfdinfo(
			pid,
			fd,
			PROC_PIDFDSOCKETINFO,
			ptr(this.#socket),
			this.#socket.length,
		);
		return parseListeningPort(this.#socket.subarray(0, Math.max(0, count)));
	}

	#ask(
		pid: number,
		flavor: number,
		argument: number,
		buffer: Uint8Array,
	): Uint8Array | undefined {
		const count = this.libc.proc_pidinfo(
			pid,
			flavor,
			argument,
			ptr(buffer),
			buffer.length,
		);
		return count > 0 ? buffer.subarray(0, count) : undefined;
	}

	/** What a call writes that says how many bytes it wrote, but not whether there is more. */
	#growing(fill: (buffer: Pointer, size: number) => number): Uint8Array {
		for (;;) {
			const count = Math.max(0, fill(ptr(this.#list), this.#list.length));
			if (count < this.#list.length) return this.#list.subarray(0, count);
			this.#list = new Uint8Array(this.#list.length * 2);
		}
	}
}
