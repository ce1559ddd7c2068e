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
 * What has started since a shared list was made is missing in it, which the next
 * one makes good; what has ended since is told by `hasEndedSince`.
 */
export class ProcessTable {
	#entries: readonly ProcessEntry[] = [];
	#expires = Number.NEGATIVE_INFINITY;
	#isShared = false;

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
		this.#isShared = this.now() < this.#expires;
		return this.#isShared ? this.#entries : this.listAnew();
	}

	/** Whether the list that was given out last was made for an earlier look. */
	get isShared(): boolean {
		return this.#isShared;
	}

	/** Whether an entry of that list is no longer true. */
	hasEndedSince({ pid, serial }: ProcessEntry): boolean {
		if (!this.#isShared) return false;
		const entry = this.source.find(pid);
		return entry?.serial !== serial || entry.hasEnded;
	}

	/** As `list`, but as it is now: before signals are sent, as what is in it gets them. */
	listAnew(): readonly ProcessEntry[] {
		const start = this.now();
		this.#isShared = false;
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
