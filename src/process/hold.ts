/**
 * Keeps output from being dropped before somebody has it: a reader who says by
 * his cursor how far he is, or the next stage of a pipeline, to whom alone it
 * is left from then on.
 */
export class Hold {
	#taken = 0;
	#isClaimed = false;
	#waiting: PromiseWithResolvers<void> | undefined;

	/** Offset before which everything may be dropped. */
	get taken(): number {
		return this.#taken;
	}

	/** A stage takes it from the first byte on; how far readers are counts no more. */
	claim(): void {
		this.#isClaimed = true;
		this.#taken = 0;
	}

	/** A reader has everything before an offset. */
	confirm(offset: number): void {
		if (!this.#isClaimed) this.take(offset);
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
