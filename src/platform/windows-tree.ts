import { type Held, hold, holdDescendants, type Job, KILLED } from "./job.ts";
import {
	allProcesses,
	type Handle,
	type Iphlpapi,
	ioOf,
	isRunning,
	type Kernel32,
	openProcess,
	timesOf,
	workingSetOf,
} from "./kernel32.ts";
import type { Signal, Tree, TreeSample } from "./platform.ts";
import { listeningPorts } from "./tcp-table.ts";

/** What trees are looked at and ended with. */
export interface Means {
	readonly kernel: Kernel32;
	/** Opened when it is first needed. */
	readonly tcp: () => Iphlpapi;
	/** Asks processes to end; see `sendInterrupt`. */
	readonly interrupt: (pids: readonly number[]) => void;
	/** Whether what is started now hears a Ctrl+C, also where this process was made to ignore it. */
	readonly hear: (on: boolean) => void;
}

/** The system's unit of time is 100 ns. */
const UNITS_PER_SECOND = 1e7;

/** How the members of a tree are known. */
interface Members {
	pids(): number[];
	/** Whether an open process is one: its pid alone could be another's by now. */
	has(pid: number, process: Handle): boolean;
	kill(): void;
	/** What ended members used, too; undefined where nobody counts that. */
	accounting(): ReturnType<Job["accounting"]>;
	close(): void;
}

/** A started process and all that it started. */
export class WindowsTree implements Tree {
	readonly #members: Members;
	/** Undefined where it was gone at once. */
	readonly #leader: Handle | undefined;

	/**
	 * @param leader a process that the runtime has not reaped, so that its pid is its own
	 * @param job undefined where the tree can't be put into one of its own
	 */
	constructor(
		leader: number,
		job: Job | undefined,
		private readonly means: Means,
	) {
		const { kernel } = means;
		const held = new Map<number, Held>();
		this.#leader = hold(kernel, leader)?.handle;
		const first = hold(kernel, leader);
		if (first) held.set(leader, first);
		if (job && fill(job, kernel, held)) {
			for (const { handle } of held.values()) kernel.CloseHandle(handle);
			this.#members = jobMembers(job);
		} else {
			job?.close();
			this.#members = heldMembers(kernel, held);
		}
	}

	signal(...signals: readonly Signal[]): void {
		for (const signal of signals) {
			if (signal === "SIGKILL") this.#members.kill();
			if (signal === "SIGTERM") this.means.interrupt(this.alive());
		}
	}

	hasLeaderEnded(): boolean {
		return (
			this.#leader === undefined || !isRunning(this.means.kernel, this.#leader)
		);
	}

	alive(): readonly number[] {
		return this.#members.pids();
	}

	async sample(): Promise<TreeSample | undefined> {
		const pids = this.#members.pids();
		if (pids.length === 0) return undefined;
		const { kernel } = this.means;
		let cpu = 0n;
		let [memoryBytes, read, written] = [0, 0, 0];
		for (const pid of pids) {
			const process = openProcess(kernel, pid, "look");
			if (process === 0n) continue;
			if (this.#members.has(pid, process)) {
				cpu += timesOf(kernel, process)?.cpu ?? 0n;
				memoryBytes += workingSetOf(kernel, process);
				const io = ioOf(kernel, process);
				read += io?.read ?? 0;
				written += io?.written ?? 0;
			}
			kernel.CloseHandle(process);
		}
		const all = this.#members.accounting();
		const among = new Set(pids);
		// What holds a console that nobody sees was started by the system.
		const entries = allProcesses(kernel).filter(
			({ pid, name }) => among.has(pid) && name.toLowerCase() !== "conhost.exe",
		);
		return {
			processCount: entries.length,
			threadCount: entries.reduce((sum, { threads }) => sum + threads, 0),
			cpuSeconds: Number(all?.cpu ?? cpu) / UNITS_PER_SECOND,
			memoryBytes,
			ioReadBytes: all?.read ?? read,
			ioWriteBytes: all?.written ?? written,
		};
	}

	listeningPorts(): readonly number[] | undefined {
		return listeningPorts(this.means.tcp(), new Set(this.#members.pids()));
	}

	forget(): void {
		this.#members.close();
		if (this.#leader !== undefined) this.means.kernel.CloseHandle(this.#leader);
	}

	proportionalMemory(): undefined {
		return undefined;
	}

	enforcedBy(): undefined {
		return undefined;
	}

	limitDescriptors(): void {
		throw new Error("descriptors can't be limited on this system");
	}

	openDescriptors(): undefined {
		return undefined;
	}
}

/**
 * Puts a process into a job, and then what it had started before: the runtime's
 * own job, which it is in from its start, lets such children out.
 */
function fill(job: Job, kernel: Kernel32, held: Map<number, Held>): boolean {
	for (const { handle } of held.values())
		if (!job.add(handle) && isRunning(kernel, handle)) return false;
	holdDescendants(kernel, held);
	for (const { handle } of held.values()) if (!job.has(handle)) job.add(handle);
	return true;
}

function jobMembers(job: Job): Members {
	return {
		pids: () => job.pids(),
		has: (_, process) => job.has(process),
		kill: () => job.kill(),
		accounting: () => job.accounting(),
		close: () => job.close(),
	};
}

/** Without a job: what is found by its parent's pid, held so that no pid changes its meaning. */
function heldMembers(kernel: Kernel32, held: Map<number, Held>): Members {
	const living = () => {
		holdDescendants(kernel, held);
		// One that has ended may still be the parent of those that live.
		return [...held].filter(([, { handle }]) => isRunning(kernel, handle));
	};
	return {
		pids: () => living().map(([pid]) => pid),
		has: (pid) => held.has(pid),
		kill() {
			for (const [, { handle }] of living())
				kernel.TerminateProcess(handle, KILLED);
		},
		accounting: () => undefined,
		close() {
			for (const { handle } of held.values()) kernel.CloseHandle(handle);
			held.clear();
		},
	};
}
