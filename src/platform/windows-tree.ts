import {
	enforcedByServer,
	type LimitName,
	type Limits,
} from "../security/resources.ts";
import { cpuRate, type Held, hold, type Job } from "./job.ts";
import {
	type Handle,
	type Iphlpapi,
	isRunning,
	type Kernel32,
	type Ntdll,
	openProcess,
	processorCount,
} from "./kernel32.ts";
import { Pause, type Suspender } from "./pause.ts";
import type { Signal, Tree, TreeSample } from "./platform.ts";
import type { Snapshot } from "./snapshot.ts";
import type { SystemProcess } from "./system-processes.ts";
import { listeningPorts } from "./tcp-table.ts";
import { Counter } from "./totals.ts";
import {
	fill,
	heldMembers,
	jobMembers,
	type Members,
} from "./windows-members.ts";

/** What trees are looked at and ended with. */
export interface Means {
	readonly kernel: Kernel32;
	/** Opened when it is first needed. */
	readonly nt: () => Ntdll;
	readonly snapshot: Snapshot;
	/** Opened when it is first needed. */
	readonly tcp: () => Iphlpapi;
	/** Asks processes to end; see `sendInterrupt`. */
	readonly interrupt: (pids: readonly number[]) => void;
	/** Whether what is started now hears a Ctrl+C, also where this process was made to ignore it. */
	readonly hear: (on: boolean) => void;
}

/** The system's unit of time is 100 ns. */
const UNITS_PER_SECOND = 1e7;

/** What holds a tree to its share of CPU where the system does. */
export const BY_RATE = "the kernel (a Job Object's CPU rate)";

/**
 * How many processes a tree with a limit may have before the system refuses more,
 * so that none gets far between two looks. What keeps to its limit never meets
 * it, also with a console, whose host is a process, for each member.
 */
export function mostProcesses(limit: number): number {
	return Math.min(limit * 4 + 16, 2 ** 32 - 1);
}

/** A started process and all that it started. */
export class WindowsTree implements Tree {
	readonly #members: Members;
	readonly #job: Job | undefined;
	readonly #pause: Pause;
	readonly #cpu = new Counter();
	readonly #read = new Counter();
	readonly #written = new Counter();
	readonly isThrottled: boolean;
	/** Undefined where it was gone at once. */
	readonly #leader: Handle | undefined;

	/**
	 * @param leader a process that the runtime has not reaped, so that its pid is its own
	 * @param job undefined where the tree can't be put into one of its own
	 * @param limits what the system is to hold it to, as far as it can
	 */
	constructor(
		leader: number,
		job: Job | undefined,
		private readonly means: Means,
		limits: Limits = {},
	) {
		const { kernel } = means;
		const held = new Map<number, Held>();
		this.#leader = hold(kernel, leader)?.handle;
		const first = hold(kernel, leader);
		if (first) held.set(leader, first);
		if (job && fill(job, kernel, held)) {
			for (const { handle } of held.values()) kernel.CloseHandle(handle);
			this.#job = job;
			this.#members = jobMembers(job);
		} else {
			job?.close();
			this.#members = heldMembers(kernel, held);
		}
		this.#pause = new Pause(suspender(means, this.#members));
		this.isThrottled =
			this.#job !== undefined && limit(this.#job, limits, kernel);
	}

	signal(...signals: readonly Signal[]): void {
		for (const signal of signals) {
			if (signal === "SIGKILL") this.#members.kill();
			if (signal === "SIGSTOP") this.#pause.suspend(this.alive());
			// What is to hear a Ctrl+C has to run.
			if (signal === "SIGTERM" || signal === "SIGCONT") this.#pause.resume();
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
		const looks = this.means.snapshot.of(pids);
		const programs = looks.filter((look) => !isConsole(look));
		const all = this.#job?.accounting();
		const sum = (of: (look: SystemProcess) => number) =>
			looks.reduce((total, look) => total + of(look), 0);
		return {
			processCount: processCount(looks),
			threadCount: programs.reduce((total, { threads }) => total + threads, 0),
			cpuSeconds:
				this.#cpu.add(looks, ({ cpu }) => cpu, all?.cpu) / UNITS_PER_SECOND,
			memoryBytes: sum(({ workingSet }) => workingSet),
			peakMemoryBytes: Math.max(
				0,
				...looks.map(({ peakWorkingSet }) => peakWorkingSet),
			),
			ioReadBytes: this.#read.add(looks, ({ read }) => read, all?.read),
			ioWriteBytes: this.#written.add(
				looks,
				({ written }) => written,
				all?.written,
			),
		};
	}

	wasOutOfMemory(): undefined {
		return undefined;
	}

	listeningPorts(): readonly number[] | undefined {
		return listeningPorts(this.means.tcp(), new Set(this.#members.pids()));
	}

	forget(): void {
		this.#pause.resume();
		this.#members.close();
		if (this.#leader !== undefined) this.means.kernel.CloseHandle(this.#leader);
	}

	proportionalMemory(): undefined {
		return undefined;
	}

	enforcedBy(name: LimitName): string | undefined {
		return name === "maxCpuPercent" && this.isThrottled
			? BY_RATE
			: enforcedByServer(name);
	}

	limitDescriptors(): void {
		throw new Error("descriptors can't be limited on this system");
	}

	openDescriptors(): undefined {
		return undefined;
	}
}

/**
 * Has the system hold a tree to its share of CPU, and keep it from starting
 * processes far beyond its limit.
 *
 * @returns whether it holds it to its share of CPU
 */
function limit(job: Job, limits: Limits, kernel: Kernel32): boolean {
	const { maxCpuPercent, maxProcesses } = limits;
	if (maxProcesses !== undefined)
		job.limitProcesses(mostProcesses(maxProcesses));
	if (maxCpuPercent === undefined) return false;
	const rate = cpuRate(maxCpuPercent, processorCount(kernel));
	return rate !== undefined && job.limitCpu(rate);
}

/** What holds a console that nobody sees is started by the system. */
function isConsole({ name }: Pick<SystemProcess, "name">): boolean {
	return name.toLowerCase() === "conhost.exe";
}

/** Members without the consoles' hosts; but more of those than others are programs of that name. */
export function processCount(
	members: readonly Pick<SystemProcess, "name">[],
): number {
	const consoles = members.filter(isConsole).length;
	return Math.max(consoles, members.length - consoles);
}

/** Suspends members alone: a pid could be another's by now. */
function suspender({ kernel, nt }: Means, members: Members): Suspender {
	return {
		open(pid) {
			const process = openProcess(kernel, pid, "pause");
			if (process === 0n || members.has(pid, process)) return process;
			kernel.CloseHandle(process);
			return 0n;
		},
		suspend: (process) => nt().NtSuspendProcess(process) >= 0,
		resume: (process) => void nt().NtResumeProcess(process),
		close: (process) => void kernel.CloseHandle(process),
	};
}
