import type { Cancel } from "../process/timer.ts";
import type { Clock } from "./clock.ts";
import { type RestartPolicy, type Retry, retryAfter } from "./restart.ts";

/** The restarts in a row that a service makes by itself, and the pause before the next one. */
export class Backoff {
	#retries = 0;
	/** Milliseconds for which what failed was healthy. */
	#healthyFor = 0;
	#pause: { readonly due: number; readonly cancel: Cancel } | undefined;

	constructor(
		private readonly policy: RestartPolicy,
		private readonly clock: Clock,
	) {}

	/** Milliseconds until the pause is over; undefined where there is none. */
	get left(): number | undefined {
		return this.#pause && Math.max(0, this.#pause.due - this.clock.now());
	}

	/** Notes a failure after so many milliseconds of health, for the next pause to count. */
	fail(healthyFor: number): void {
		this.#healthyFor = healthyFor;
	}

	/** Begins a pause, after which `due` is called; or gives up. */
	begin(due: () => void): Retry {
		const retry = retryAfter(this.policy, this.#retries, this.#healthyFor);
		this.#healthyFor = 0;
		if (retry.kind === "give up") return retry;
		const { delay, retries } = retry;
		this.#retries = retries;
		const cancel = this.clock.after(delay, due);
		this.#pause = { due: this.clock.now() + delay, cancel };
		return retry;
	}

	/** Ends the pause, if there is one. */
	end(): void {
		this.#pause?.cancel();
		this.#pause = undefined;
	}

	/** The next failure is the first in a row. */
	reset(): void {
		this.#retries = 0;
	}
}
