import type { Tree, TreeSample } from "../platform/platform.ts";
import type { Limits } from "../security/resources.ts";
import type { ManagedProcess } from "./process.ts";
import { proportionalMemory } from "./proportional-memory.ts";
import { type Blame, memoryBackstop } from "./termination.ts";

/** Milliseconds between two looks at a tree with limits: usually, while it is near one of them, and while it does nothing. */
const INTERVAL = 100;
const FAST_INTERVAL = 20;
const IDLE_INTERVAL = 200;
/** Share of a limit from which on it is near. */
const NEAR = 0.6;
/** Milliseconds over which CPU is measured before a strict limit is said to be passed. */
const STRICT_WINDOW = 1000;
/** Milliseconds of unused CPU that a paused process may save up. */
const MAX_SAVED = 50;
const MB = 2 ** 20;

/** The CPU that a tree used and may use, in milliseconds. */
interface CpuAccount {
	/** Used beyond what the limit gave so far; negative: saved. */
	debt: number;
	seconds: number;
	at: number;
	isPaused: boolean;
}

/** Holds one tree to its limits, look by look. */
export class LimitJudge {
	readonly #cpu: CpuAccount;
	/** Start of the window of a strict CPU limit. */
	#window: { at: number; seconds: number };
	#isOver = false;
	#last: TreeSample | undefined;

	/**
	 * @param strict CPU above its limit is a breach, instead of a reason to pause
	 * @param onBreach ends the tree; called once
	 */
	constructor(
		private readonly process: ManagedProcess,
		private readonly limits: Limits,
		private readonly strict: boolean,
		private readonly onBreach: (breach: Blame) => void,
	) {
		const at = performance.now();
		this.#cpu = { debt: 0, seconds: 0, at, isPaused: false };
		this.#window = { at, seconds: 0 };
	}

	/**
	 * Judges a look at the tree; returns milliseconds to the next one.
	 *
	 * @param sample the very same as before where nothing of the tree ran since
	 */
	judge(sample: TreeSample): number | undefined | Promise<number | undefined> {
		// A tree that is being ended has to run to get its signal.
		if (this.#isOver) return undefined;
		const isIdle = sample === this.#last;
		this.#last = sample;
		// What did nothing passed no limit, but time goes on for its CPU.
		if (isIdle) return this.#conclude(sample, undefined, isIdle);
		const { maxMemoryMB = Number.POSITIVE_INFINITY } = this.limits;
		if (sample.memoryBytes <= maxMemoryMB * MB)
			return this.#conclude(sample, findBreach(this.limits, sample), isIdle);
		return this.#memoryBreach(maxMemoryMB, sample).then((breach) =>
			this.#conclude(sample, breach ?? findBreach(this.limits, sample), isIdle),
		);
	}

	#conclude(
		sample: TreeSample,
		found: Blame | undefined,
		isIdle: boolean,
	): number | undefined {
		const breach = found ?? this.#find(sample, isIdle);
		if (breach) {
			this.#isOver = true;
			this.onBreach(breach);
			// Not before: who can't fork may end by that, and not by the breach.
			if (breach.cause === "process_limit") this.process.tree.forbidForks?.();
			return undefined;
		}
		// One that is paused has to go on in time.
		if (isIdle && !this.#cpu.isPaused) return IDLE_INTERVAL;
		return isNearLimit(this.limits, sample) ? FAST_INTERVAL : INTERVAL;
	}

	#find(sample: TreeSample, isIdle: boolean): Blame | undefined {
		const { tree } = this.process;
		if (!isIdle && tree.wasOutOfMemory() === "limit")
			return memoryBackstop(this.limits);
		const { maxCpuPercent } = this.limits;
		if (maxCpuPercent === undefined) return undefined;
		if (this.strict) return this.#strictBreach(sample, maxCpuPercent);
		if (!tree.isThrottled) throttle(tree, this.#cpu, sample, maxCpuPercent);
		return undefined;
	}

	/** Whether the memory is above its limit also where a page that several members share counts once. */
	async #memoryBreach(
		limit: number,
		sample: TreeSample,
	): Promise<Blame | undefined> {
		const look = async () =>
			((await proportionalMemory(this.process.tree)) ?? sample.memoryBytes) /
			MB;
		// Members that end meanwhile leave their share to others: once more, to be sure.
		let used = await look();
		if (used > limit) used = Math.min(used, await look());
		return used > limit
			? {
					cause: "memory_limit",
					message: `Memory limit exceeded: ${shown(used)} MB > ${limit} MB`,
				}
			: undefined;
	}

	#strictBreach(sample: TreeSample, limit: number): Blame | undefined {
		const at = performance.now();
		const elapsed = at - this.#window.at;
		if (elapsed < STRICT_WINDOW) return undefined;
		const used = Math.max(0, sample.cpuSeconds - this.#window.seconds);
		const percent = (used * 1000 * 100) / elapsed;
		this.#window = { at, seconds: sample.cpuSeconds };
		return percent > limit
			? {
					cause: "cpu_limit",
					message: `CPU limit exceeded: ${shown(percent)} % > ${limit} %`,
				}
			: undefined;
	}
}

/** With one decimal, rounded up: what is above a limit reads so. */
function shown(value: number): string {
	return (Math.ceil(value * 10) / 10).toFixed(1);
}

/** The first of the limits that a tree has passed, but for that of memory. */
function findBreach(limits: Limits, sample: TreeSample): Blame | undefined {
	const { maxCpuTime, maxProcesses } = limits;
	if (maxCpuTime !== undefined && sample.cpuSeconds > maxCpuTime)
		return {
			cause: "cpu_time_limit",
			message: `CPU time limit exceeded: ${shown(sample.cpuSeconds)} s > ${maxCpuTime} s`,
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

/** Pauses a tree while it has used more than its share, and lets it go on when that is paid back. */
function throttle(
	tree: Tree,
	cpu: CpuAccount,
	sample: TreeSample,
	limit: number,
): void {
	const at = performance.now();
	const used = Math.max(0, sample.cpuSeconds - cpu.seconds) * 1000;
	const given = ((at - cpu.at) * limit) / 100;
	cpu.debt = Math.max(-MAX_SAVED, cpu.debt + used - given);
	cpu.seconds = sample.cpuSeconds;
	cpu.at = at;
	if (cpu.debt > 0) {
		// Again at every look, as a member may have been started meanwhile.
		tree.signal("SIGSTOP");
		cpu.isPaused = true;
	} else if (cpu.isPaused) {
		tree.signal("SIGCONT");
		cpu.isPaused = false;
	}
}
