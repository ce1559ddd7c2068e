/** Made once: each new one would look at the whole stack. */
const OVER = new DOMException("The call is over.", "AbortError");

/** The calls under way. Each has a signal that says when nobody waits for its answer any more. */
export class Calls {
	readonly #open = new Set<AbortController>();
	#isOver = false;

	/**
	 * Makes a call. Its signal is aborted when `cancelled` is, when all calls are
	 * ended, and when the call is over: whatever it still waits for is of no use then.
	 */
	async run<T>(
		cancelled: AbortSignal,
		call: (signal: AbortSignal) => Promise<T>,
	): Promise<T> {
		const controller = new AbortController();
		const abort = () => controller.abort(OVER);
		if (cancelled.aborted || this.#isOver) abort();
		cancelled.addEventListener("abort", abort);
		this.#open.add(controller);
		try {
			return await call(controller.signal);
		} finally {
			this.#open.delete(controller);
			cancelled.removeEventListener("abort", abort);
			abort();
		}
	}

	/** Has those under way, and those to come, wait for nothing. */
	end(): void {
		this.#isOver = true;
		for (const controller of this.#open) controller.abort(OVER);
	}
}
