import { CountersFile } from "./counters-file.ts";
import { readStat } from "./procfs.ts";

/**
 * Since when a tree that is one process of one thread has slept, so that what was
 * seen of it since then is so still. The kernel counts how often a thread was put
 * on a processor (/proc/PID/schedstat), and does so when that happens: unlike
 * counters of time, which lag behind a thread that runs, it tells of the first
 * instruction. Of any other tree nobody can tell as cheaply.
 */
export class Sleep {
	#pid: number | undefined;
	#counters: CountersFile | undefined;
	#isAsleep = false;
	#count = 0;

	/** A number that is another one for each sleep; undefined where the tree may be awake. */
	since(pids: readonly number[]): number | undefined {
		const [pid, ...others] = pids;
		if (pid === undefined || others.length > 0) {
			this.#isAsleep = false;
			return undefined;
		}
		if (pid !== this.#pid) this.close();
		this.#pid = pid;
		this.#counters ??= CountersFile.open(`/proc/${pid}/schedstat`);
		if (!this.#counters) return undefined;
		const isSame = this.#counters.areSame();
		if (isSame && this.#isAsleep) return this.#count;
		// Looked at after the counters: who sleeps now, and is not put on a
		// processor after them, has slept all the time.
		const stat = readStat(pid);
		this.#isAsleep = stat?.state === "S" && stat.threads === 1;
		return this.#isAsleep ? ++this.#count : undefined;
	}

	/** To be called once nobody asks any more. */
	close(): void {
		this.#counters?.close();
		this.#counters = undefined;
		this.#isAsleep = false;
	}
}

/** What was seen of a tree that sleeps, until it does something. */
export class Seen<T> {
	#last: { readonly since: number; readonly value: T } | undefined;

	/** @param since what `Sleep` told before this; undefined has it looked at in any case */
	get(since: number | undefined, look: () => T): T {
		if (since === undefined) return look();
		if (this.#last?.since !== since) this.#last = { since, value: look() };
		return this.#last.value;
	}
}
