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
	 * @param isQuick bytes may be left to a later look
	 */
	add(seen: readonly ProcStat[], isQuick: boolean): void {
		const before = this.#cpuTicks.value;
		this.#cpuTicks.add(
			seen.map((stat) => ({
				...stat,
				own: stat.ownTicks,
				waited: stat.waitedTicks,
			})),
		);
		// What used no CPU moved few bytes.
		const isIdle = this.#cpuTicks.value === before;
		if (isQuick && isIdle && this.#looks++ % LAZY_LOOKS > 0) return;
		const moved = seen.flatMap((stat) => {
			const io = readIo(stat.pid);
			return io ? [{ ...stat, ...io }] : [];
		});
		// A counter holds what was waited for as well, so nothing is apart in it.
		this.#read.add(
			moved.map((each) => ({ ...each, own: 0, waited: each.read })),
		);
		this.#written.add(
			moved.map((each) => ({ ...each, own: 0, waited: each.written })),
		);
	}
}
