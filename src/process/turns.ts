/** Milliseconds of one turn of the event loop that may be spent. */
const BUDGET = 5;

/**
 * Spreads work over turns of the event loop, so that hundreds of trees that are
 * ended at once leave room for other requests in between.
 */
export class Turns {
	readonly #waiting: (() => void)[] = [];
	#spent = 0;
	#isOpen = false;

	/** Does the work in this turn where there is time left, else in a later one, in order. */
	run<T>(work: () => T): T | Promise<T> {
		if (this.#waiting.length === 0 && this.#spent < BUDGET)
			return this.#time(work);
		return new Promise((resolve, reject) => {
			this.#waiting.push(() => {
				try {
					resolve(this.#time(work));
				} catch (error) {
					reject(error);
				}
			});
		});
	}

	#time<T>(work: () => T): T {
		const start = performance.now();
		try {
			return work();
		} finally {
			this.#spent += performance.now() - start;
			this.#open();
		}
	}

	/** Sees to it that there is a next turn. */
	#open(): void {
		if (this.#isOpen) return;
		this.#isOpen = true;
		setImmediate(() => {
			this.#isOpen = false;
			this.#spent = 0;
			while (this.#spent < BUDGET && this.#waiting.length > 0)
				this.#waiting.shift()?.();
			if (this.#waiting.length > 0) this.#open();
		});
	}
}

/** Of everything that looks at trees or signals them. */
export const turns = new Turns();

/**
 * Lets the event loop turn once a turn's time is spent, for a loop whose every step
 * may find its next one ready: without it a fast writer would keep all others waiting.
 *
 * @param since when its share of the turn began, by the monotonic clock
 * @returns when its present one did
 */
export async function yieldAfter(since: number): Promise<number> {
	if (performance.now() - since < BUDGET) return since;
	await nextTurn();
	return performance.now();
}

/** Resolves in the next turn of the event loop: what is answered in this one is on its way by then. */
export function nextTurn(): Promise<void> {
	return new Promise((resolve) => {
		setImmediate(resolve);
	});
}

/** Turns of the event loop in which it surely has asked the system what can be read. */
const TURNS = 3;

/**
 * Resolves once what can be read by now has been: a timer that is due is called
 * before that is asked for, also where this process had no processor all the while.
 */
export async function readableIsRead(): Promise<void> {
	for (let turn = 0; turn < TURNS; turn++) await nextTurn();
}
