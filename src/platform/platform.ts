import type { LimitName, Limits } from "../security/resources.ts";

/** What runs the guard (see `Guard`), where there are shells. */
export const SHELL = "/bin/sh";

/** Signals that end, stop or continue a process; Windows has none that stop or continue. */
export type Signal = "SIGTERM" | "SIGHUP" | "SIGKILL" | "SIGCONT" | "SIGSTOP";

/** What a tree has used since its start; includes members that ended, and never goes back. */
export interface TreeTotals {
	/** Seconds of CPU, user and system. */
	readonly cpuSeconds: number;
	readonly ioReadBytes: number | undefined;
	readonly ioWriteBytes: number | undefined;
}

/** What a tree of processes uses at one moment, and has used since its start. */
export interface TreeSample extends TreeTotals {
	readonly processCount: number;
	readonly threadCount: number | undefined;
	readonly memoryBytes: number;
	/** The most that one member had at one time, where the system remembers it. */
	readonly peakMemoryBytes?: number | undefined;
}

/** A started process and all that it started, for as long as any of it lives. */
export interface Tree {
	/** Sends every living member these signals, one after the other. */
	signal(...signals: readonly Signal[]): void;
	/** Whether its first process has ended, reaped or not. */
	hasLeaderEnded(): boolean;
	/** Pids of the members that live; a zombie does not. */
	alive(): readonly number[];
	/** Whether it was started in a control group below the one that the platform made for the guard. */
	readonly isGrouped?: boolean;
	/**
	 * Undefined once nothing of it lives; the very same object as before where
	 * nothing of it ran in between, as far as the system tells.
	 */
	sample(): TreeSample | undefined | Promise<TreeSample | undefined>;
	/** What it used in all, also where nothing of it lives; undefined where only samples tell. */
	totals?(): TreeTotals;
	/**
	 * Bytes of memory of each member, in whose sum a page that several share counts
	 * once; each is asked for when its turn comes, as that takes long. Undefined where
	 * the system isn't asked.
	 */
	proportionalMemory(): Iterable<number> | undefined;
	/** From now on no member can start a process, where the system can see to that. */
	forbidForks?(): void;
	/** Lets each member, and whatever it starts, open no more than `count` descriptors. */
	limitDescriptors(count: number): void;
	/** The most descriptors that one member has open; undefined where the system isn't asked. */
	openDescriptors(): number | undefined;
	/** What holds it to a limit, in words; undefined where nothing does. */
	enforcedBy(name: LimitName): string | undefined;
	/** Whether the system itself keeps it to its `maxCpuPercent`. */
	readonly isThrottled: boolean;
	/**
	 * Whether the system has ended a member for want of memory: that of the tree's
	 * own limit, or, as far as it tells, the machine's within the last seconds.
	 */
	wasOutOfMemory(): "limit" | "system" | undefined;
	/** To be called once nothing of it lives and nobody asks any more. */
	forget(): void;
	/** TCP ports on which members listen, ascending; undefined where the system isn't asked. */
	listeningPorts(): readonly number[] | undefined;
	/** Pid of a member that waits to read the leader's standard input; absent where the system doesn't tell. */
	inputReader?(): number | undefined;
}

/** A child's standard input: a descriptor of this process's, or what the runtime makes. */
export type StandardInput = number | "pipe" | "ignore" | "terminal";

/**
 * What is made around a process just before it starts, so that nothing that it
 * starts itself is lost.
 */
export interface Enclosure {
	/** What the runtime is told about the start. */
	readonly spawn: {
		/** Make it the leader of a session and process group of its own. */
		readonly detached: boolean;
		/** Path of the control group to start it in. */
		readonly cgroup?: string;
	};
	/**
	 * Follows the tree of the process that was started.
	 *
	 * @param input what it was given as its standard input, open here for the time of this call
	 */
	track(leader: number, input: StandardInput): Tree;
	/** To be called where the start failed with `error`: whether to try it again, as `spawn` then says. */
	fallBack(error: unknown): boolean;
	/** To be called where nothing was started. */
	abandon(): void;
}

/** What a user may rely on here, and what stands behind it. */
export interface Guarantee {
	/** Stable, for programs: `tree.termination`. */
	readonly id: string;
	readonly promise: string;
	readonly by: "kernel" | "server" | "unavailable";
	/** By what, or why not. */
	readonly how: string;
}

/** A process that has left the process group it was started in, as daemons do. */
export interface Orphan {
	readonly pid: number;
	/** Process group. */
	readonly group: number;
}

/** Both ends of a kernel pipe, as file descriptors that children don't inherit. */
export interface PipeEnds {
	readonly read: number;
	readonly write: number;
}

/** A directory that stays the same one, whatever its path names by now. */
export interface HeldDirectory extends Disposable {
	/** Names it, also to a process that is being started. */
	readonly path: string;
	/** Its real path when it was opened. */
	readonly real: string;
}

/** How a system's terminals read lines: bits of `c_lflag`, and a bound (termios(3)). */
export interface TerminalTraits {
	/** Input is read by lines (ICANON); else key by key. */
	readonly canonical: number;
	/** What is typed is shown (ECHO). */
	readonly echo: number;
	/** Bytes of one line, its end included; the system drops what is above. */
	readonly longestLine: number;
}

/** Starts this program once more with these arguments, for a moment; nobody waits for it. */
export type StartSelf = (args: readonly string[]) => void;

/** Whether what is started in a control group lives, which is tried. */
export type LivesIn = (cgroup: string) => boolean;

/** What differs between the systems; one is chosen at start. */
export interface Platform {
	/**
	 * Kernel pipes for a child's streams; undefined where the runtime's own are
	 * used. Children can open a pipe again by name (/dev/stderr), which they
	 * can't with the socket pairs that the runtime makes.
	 */
	readonly pipes:
		| {
				open(): PipeEnds;
				/** Makes writes that would block fail with EAGAIN instead. */
				setNonBlocking(fd: number): void;
				/** Whether anybody has the other end of a pipe that is written to; told without waking them. */
				hasReader?(fd: number): boolean;
				/** Has a pipe take much more at once, where the system lets it. */
				widen?(fd: number): void;
				/** Writes of at most so many bytes are whole or not at all (PIPE_BUF). */
				readonly atomicBytes: number;
		  }
		| undefined;
	/** Undefined where programs can't be given a terminal. */
	readonly terminals: TerminalTraits | undefined;
	/** The resource limits that a tree can be held to here. */
	readonly enforceable: ReadonlySet<LimitName>;
	/**
	 * Prepares this process, once, before it starts any other.
	 *
	 * @param startSelf how a system is asked for what this process can't do itself
	 */
	prepareServer(startSelf: StartSelf, livesIn: LivesIn): void;
	/** Gives back memory that only the start needed, where that can be told; to be called once it is over. */
	forgetStart?(): void;
	/** Whether a file gives privileges by file capabilities. */
	hasCapabilities(path: string): boolean;
	/**
	 * Makes what holds one tree together; for one start.
	 *
	 * @param limits what the system may hold it to by itself, as far as it can
	 */
	enclose(limits: Limits): Enclosure;
	/** Notes a child of this server's own: neither it nor what it starts is anybody's orphan. */
	keepOut(pid: number): void;
	/** How many orphans have ended and been reaped so far. */
	readonly reapedOrphans: number;
	/** To be called once a child of this server's own was reaped, as its pid may come again. */
	reaped(pid: number): void;
	/**
	 * What the end of the leaders' process groups would not end: on Linux what
	 * processes left behind and this server adopted (those that ended are reaped),
	 * elsewhere members of trees that have left their leader's group.
	 *
	 * @param age "still" where an earlier look will do, as long as nothing has run since then
	 */
	orphans(age?: "still"): readonly Orphan[];
	/**
	 * The first digits of the soft limit of file locks that every process started
	 * here has, in /proc/PID/limits; seven more follow. Undefined where there is none.
	 */
	readonly mark: string | undefined;
	/** Starts something of the server's own that nobody is to take for a tree's. */
	unmarked<T>(start: () => T): T;
	/**
	 * Makes, the first time, the control group that holds every tree, and gives its
	 * folder, for who has to kill them all at once; undefined where there is none.
	 */
	makeCgroup(): string | undefined;
	/**
	 * Opens a directory; absent where the system has no names for what is open.
	 *
	 * @throws Error of the system's where it can't be opened
	 */
	holdDirectory?(path: string): HeldDirectory;
	/** Has each other folder of this server's control groups be told as it is made, for who has to remove them once all in them have ended. */
	onLimitFolder?(told: (folder: string) => void): void;
	/**
	 * Ends this process and nothing else, without a word to the runtime, which would
	 * kill whatever descends from it: also what was there before it was a server.
	 */
	exit(code: number): void;
	/** Has the system end this process after so many seconds, however busy it is. */
	endWithin(seconds: number): void;
	/** To be called when this server ends and nothing runs any more. */
	release(): void;
	/** What this system enforces, what this server does in its place, and what nobody does. */
	guarantees(livesIn: LivesIn): readonly Guarantee[];
}
