import type { SystemProcess } from "./system-processes.ts";

/** Looks share a snapshot for so many times as long as it took to make. */
const COST_FACTOR = 5;

/**
 * The system's processes by pid. To list them all takes milliseconds, and trees
 * with limits are looked at up to fifty times a second each, so that looks share a
 * list, as long as whom they look for is in it.
 */
export class Snapshot {
	#entries: ReadonlyMap<number, SystemProcess> = new Map();
	#expires = Number.NEGATIVE_INFINITY;

	/** @param now milliseconds of a clock that doesn't jump */
	constructor(
		private readonly list: () => readonly SystemProcess[],
		private readonly now: () => number = () => performance.now(),
	) {}

	/** Those of the processes that are there; they were when it was called. */
	of(pids: readonly number[]): readonly SystemProcess[] {
		if (
			this.now() >= this.#expires ||
			pids.some((pid) => !this.#entries.has(pid))
		)
			this.#take();
		return pids.flatMap((pid) => this.#entries.get(pid) ?? []);
	}

	#take(): void {
		const start = this.now();
		this.#entries = new Map(this.list().map((entry) => [entry.pid, entry]));
		const end = this.now();
		this.#expires = end + (end - start) * COST_FACTOR;
	}
}
