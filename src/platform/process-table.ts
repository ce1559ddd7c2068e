/** One process, as the system's table has it. */
export interface ProcessEntry {
	readonly pid: number;
	readonly parent: number;
	readonly group: number;
	/** 0 where it isn't known. */
	readonly session: number;
	/** Never comes twice, and is higher for a later process: with it a pid that came again is told. */
	readonly serial: number;
	/** Serial of the process that started it, whoever has adopted it since. */
	readonly starter: number;
	/** Waits to be reaped. */
	readonly hasEnded: boolean;
}

/** Where entries come from: the system, or a recording of it. */
export interface ProcessSource {
	list(): readonly ProcessEntry[];
	/** The process of that pid; undefined where there is none. */
	find(pid: number): ProcessEntry | undefined;
}

/** Looks share a list for so many times as long as it took to make. */
const COST_FACTOR = 5;

/**
 * The system's processes. A list of all takes about a millisecond, and trees are
 * looked at up to fifty times a second each, so that looks which follow each
 * other closely share one.
 *
 * A list that is a little old does no harm: nobody who is missing in it comes
 * back to life, and who has started since has a living parent in it.
 */
export class ProcessTable {
	#entries: readonly ProcessEntry[] = [];
	#expires = Number.NEGATIVE_INFINITY;

	/** @param now milliseconds of a clock that doesn't jump */
	constructor(
		private readonly source: ProcessSource,
		private readonly now: () => number = () => performance.now(),
	) {}

	find(pid: number): ProcessEntry | undefined {
		return this.source.find(pid);
	}

	/** In the order of their starts. */
	list(): readonly ProcessEntry[] {
		return this.now() < this.#expires ? this.#entries : this.listAnew();
	}

	/** As `list`, but as it is now: before signals are sent, as what is in it gets them. */
	listAnew(): readonly ProcessEntry[] {
		const start = this.now();
		this.#entries = this.source
			.list()
			.toSorted((one, other) => one.serial - other.serial);
		const end = this.now();
		this.#expires = end + (end - start) * COST_FACTOR;
		return this.#entries;
	}

	/** To be called when a process was started that a list must not lack. */
	expire(): void {
		this.#expires = Number.NEGATIVE_INFINITY;
	}
}
