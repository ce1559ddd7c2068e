import type { Buried } from "./linux-members.ts";
import { type ProcStat, readIo } from "./procfs.ts";
import { Totals } from "./totals.ts";

/** What a tree has used since its start, from looks at its members. */
export class Counters {
	readonly #cpuTicks = new Totals();
	readonly #read = new Totals();
	readonly #written = new Totals();

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
	 */
	add(seen: readonly ProcStat[], buried: readonly Buried[]): void {
		this.#cpuTicks.add(
			[...buried, ...seen].map((stat) => ({
				...stat,
				own: stat.ownTicks,
				waited: stat.waitedTicks,
			})),
		);
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
	}
}
