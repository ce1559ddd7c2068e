import type { TreeSample } from "../platform/platform.ts";
import type { LimitName, Limits } from "../security/resources.ts";
import type { Cause, ManagedProcess } from "./process.ts";

/** Milliseconds between two looks at the processes with limits: usually, and while one is near its limit. */
const INTERVAL = 100;
const FAST_INTERVAL = 20;
/** Share of a limit from which on it is near. */
const NEAR = 0.6;
/** Milliseconds over which CPU is measured before a strict limit is said to be passed. */
const STRICT_WINDOW = 1000;
/** Milliseconds of unused CPU that a paused process may save up. */
const MAX_SAVED = 50;
const MB = 2 ** 20;

/** A limit that was passed. */
export interface Breach {
	readonly cause: Cause;
	readonly message: string;
}

/** What holds a process to each limit, in words. */
export const ENFORCED_BY: Readonly<Record<LimitName, string>> = {
	maxCpuPercent: "the server, which pauses the tree",
	maxMemoryMB: "the server, which ends the tree",
	maxCpuTime: "the server, which ends the tree",
	maxProcesses: "the server, which ends the tree",
	maxFileDescriptors: "the kernel (RLIMIT_NOFILE)",
};

/** The CPU that a tree used and may use, in milliseconds. */
interface CpuAccount {
	/** Used beyond what the limit gave so far; negative: saved. */
	debt: number;
	seconds: number;
	at: number;
	isPaused: boolean;
}

interface Watched {
	readonly process: ManagedProcess;
	readonly limits: Limits;
	readonly cpu: CpuAccount;
	/** Start of the window of a strict CPU limit. */
	window: { at: number; seconds: number };
}

/** Holds trees to their limits by looking at them, all in one loop that runs while there is one. */
export class LimitEnforcer {
	readonly #watched = new Set<Watched>();
	#timer: ReturnType<typeof setTimeout> | undefined;

	/**
	 * @param strict CPU above its limit is a breach, instead of a reason to pause
	 * @param onBreach ends the tree
	 */
	constructor(
		private readonly strict: boolean,
		private readonly onBreach: (
			process: ManagedProcess,
			breach: Breach,
		) => void,
	) {}

	/** Looks after a process until nothing of its tree lives. */
	watch(process: ManagedProcess, limits: Limits): void {
		if (limits.maxFileDescriptors !== undefined)
			process.tree.limitDescriptors(limits.maxFileDescriptors);
		const { maxFileDescriptors: _, ...sampled } = limits;
		if (Object.keys(sampled).length === 0) return;
		const at = performance.now();
		const entry: Watched = {
			process,
			limits: sampled,
			cpu: { debt: 0, seconds: 0, at, isPaused: false },
			window: { at, seconds: 0 },
		};
		this.#watched.add(entry);
		void process.gone.then(() => this.#watched.delete(entry));
		this.#timer ??= setTimeout(() => this.#look(), FAST_INTERVAL);
	}

	async #look(): Promise<void> {
		let isNear = false;
		for (const entry of this.#watched) {
			const sample = await entry.process.tree.sample();
			if (!sample) continue;
			const breach = this.#judge(entry, sample);
			if (breach) {
				// From now on it is ended, and has to run to get its signal.
				this.#watched.delete(entry);
				this.onBreach(entry.process, breach);
			}
			isNear ||= isNearLimit(entry.limits, sample);
		}
		this.#timer =
			this.#watched.size > 0
				? setTimeout(() => this.#look(), isNear ? FAST_INTERVAL : INTERVAL)
				: undefined;
	}

	#judge(entry: Watched, sample: TreeSample): Breach | undefined {
		const breach = findBreach(entry.limits, sample, () =>
			entry.process.tree.proportionalMemory(),
		);
		const { maxCpuPercent } = entry.limits;
		if (breach || maxCpuPercent === undefined) return breach;
		if (this.strict) return strictBreach(entry, sample, maxCpuPercent);
		throttle(entry, sample, maxCpuPercent);
		return undefined;
	}
}

/**
 * The first of the limits that a tree has passed.
 *
 * @param proportional bytes of memory in which shared pages count once; asked
 *   for only when the plain sum is over the limit
 */
export function findBreach(
	limits: Limits,
	sample: TreeSample,
	proportional: () => number | undefined,
): Breach | undefined {
	const { maxMemoryMB, maxCpuTime, maxProcesses } = limits;
	if (maxMemoryMB !== undefined && sample.memoryBytes > maxMemoryMB * MB) {
		const used = (proportional() ?? sample.memoryBytes) / MB;
		if (used > maxMemoryMB)
			return {
				cause: "memory_limit",
				message: `Memory limit exceeded: ${used.toFixed(1)} MB > ${maxMemoryMB} MB`,
			};
	}
	if (maxCpuTime !== undefined && sample.cpuSeconds > maxCpuTime)
		return {
			cause: "cpu_time_limit",
			message: `CPU time limit exceeded: ${sample.cpuSeconds.toFixed(1)} s > ${maxCpuTime} s`,
		};
	if (maxProcesses !== undefined && sample.processCount > maxProcesses)
		return {
			cause: "process_limit",
			message: `Process limit exceeded: ${sample.processCount} > ${maxProcesses}`,
		};
	return undefined;
}

function isNearLimit(limits: Limits, sample: TreeSample): boolean {
	const { maxMemoryMB, maxProcesses, maxCpuTime } = limits;
	return (
		sample.memoryBytes > (maxMemoryMB ?? Infinity) * MB * NEAR ||
		sample.processCount > (maxProcesses ?? Infinity) * NEAR ||
		sample.cpuSeconds > (maxCpuTime ?? Infinity) * NEAR
	);
}

function strictBreach(
	entry: Watched,
	sample: TreeSample,
	limit: number,
): Breach | undefined {
	const at = performance.now();
	const elapsed = at - entry.window.at;
	if (elapsed < STRICT_WINDOW) return undefined;
	const used = Math.max(0, sample.cpuSeconds - entry.window.seconds);
	const percent = (used * 1000 * 100) / elapsed;
	entry.window = { at, seconds: sample.cpuSeconds };
	return percent > limit
		? {
				cause: "cpu_limit",
				message: `CPU limit exceeded: ${percent.toFixed(1)} % > ${limit} %`,
			}
		: undefined;
}

/** Pauses a tree while it has used more than its share, and lets it go on when that is paid back. */
function throttle(entry: Watched, sample: TreeSample, limit: number): void {
	const { cpu, process } = entry;
	const at = performance.now();
	const used = Math.max(0, sample.cpuSeconds - cpu.seconds) * 1000;
	const given = ((at - cpu.at) * limit) / 100;
	cpu.debt = Math.max(-MAX_SAVED, cpu.debt + used - given);
	cpu.seconds = sample.cpuSeconds;
	cpu.at = at;
	if (cpu.debt > 0) {
		// Again at every look, as a member may have been started meanwhile.
		process.tree.signal("SIGSTOP");
		cpu.isPaused = true;
	} else if (cpu.isPaused) {
		process.tree.signal("SIGCONT");
		cpu.isPaused = false;
	}
}
