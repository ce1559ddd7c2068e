import { after, type Cancel } from "./timer.ts";

/** Milliseconds for which output is held for a reader of whom nothing more is heard. */
const PATIENCE = 60_000;

/**
 * Keeps output from being dropped before somebody has it: a reader who says by
 * his cursor how far he is, or the next stage of a pipeline, to whom alone it
 * is left from then on.
 */
export class Hold {
	#taken = 0;
	#isClaimed = false;
	#hasGlanced = false;
	#stopWaiting: Cancel = () => {};

	/** @param patience milliseconds for which a reader is waited for; smaller in tests */
	constructor(private readonly patience = PATIENCE) {}

	#waiting: PromiseWithResolvers<void> | undefined;

	/** Offset before which everything may be dropped. */
	get taken(): number {
		return this.#taken;
	}

	/** A stage takes it from the first byte on; how far readers are counts no more. */
	claim(): void {
		this.#stopWaiting();
		this.#isClaimed = true;
		this.#taken = 0;
	}

	/** A reader has everything before an offset. */
	confirm(offset: number): void {
		if (this.#isClaimed) return;
		this.take(offset);
		this.#waitForReader();
	}

	/**
	 * A reader looked without saying how far he is. Once may be how he begins to
	 * read on by cursor; who does it again never will, and nothing waits for him.
	 */
	glance(): void {
		if (this.#isClaimed) return;
		if (this.#hasGlanced) this.free();
		else this.#waitForReader();
		this.#hasGlanced = true;
	}

	/** Nothing is held for readers any more; for a stage that took it, it still is. */
	free(): void {
		if (this.#isClaimed) return;
		this.#stopWaiting();
		this.take(Number.POSITIVE_INFINITY);
	}

	#waitForReader(): void {
		this.#stopWaiting();
		if (this.#taken < Number.POSITIVE_INFINITY)
			this.#stopWaiting = after(this.patience, () => this.free());
	}

	/** Everything before an offset is needed no more; `Infinity` ends the hold. */
	take(offset: number): void {
		this.#taken = Math.max(this.#taken, offset);
		this.#waiting?.resolve();
		this.#waiting = undefined;
	}

	/** Resolves when more was taken. */
	next(): Promise<void> {
		this.#waiting ??= Promise.withResolvers();
		return this.#waiting.promise;
	}
}
