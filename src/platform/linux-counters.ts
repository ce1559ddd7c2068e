import type { Buried } from "./linux-members.ts";
import { type ProcStat, readIo } from "./procfs.ts";
import { Totals } from "./totals.ts";

/** Looks at an idle tree of which one counts bytes. */
const LAZY_LOOKS = 5;

/** What a tree has used since its start, from looks at its members. */
export class Counters {
	readonly #cpuTicks = new Totals();
	readonly #read = new Totals();
	readonly #written = new Totals();
	#looks = 0;

	get cpuTicks(): number {
		return this.#cpuTicks.value;
	}

	/** Bytes read and written by system calls. */
	get read(): number {
		return this.#read.value;
	}

	get written(): number {
		return this.#written.value;
	}

	/**
	 * Takes a look in.
	 *
	 * @param seen all members, those included that ended and wait to be reaped
	 * @param buried those that were reaped since the last look, as they were then
	 * @param isQuick bytes may be left to a later look
	 * @returns whether no CPU was used since
	 */
	add(
		seen: readonly ProcStat[],
		buried: readonly Buried[],
		isQuick: boolean,
	): boolean {
		const before = this.#cpuTicks.value;
		this.#cpuTicks.add(
			[...buried, ...seen].map((stat) => ({
				...stat,
				own: stat.ownTicks,
				waited: stat.waitedTicks,
			})),
		);
		// What used no CPU moved few bytes.
		const isIdle = this.#cpuTicks.value === before;
		const isLazy = isQuick && isIdle && buried.length === 0;
		if (isLazy && this.#looks++ % LAZY_LOOKS > 0) return true;
		const moved = [
			...buried,
			...seen.map((stat) => ({ ...stat, io: readIo(stat.pid) })),
		].flatMap((each) => (each.io ? [{ ...each, ...each.io }] : []));
		// A counter holds what was waited for as well, so nothing is apart in it.
		this.#read.add(
			moved.map((each) => ({ ...each, own: 0, waited: each.read })),
		);
		this.#written.add(
			moved.map((each) => ({ ...each, own: 0, waited: each.written })),
		);
		return isIdle;
	}
}
