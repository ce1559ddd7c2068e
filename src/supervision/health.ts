import { messageOf } from "../errors.ts";
import type { Cancel } from "../process/timer.ts";
import type { Clock } from "./clock.ts";

/** What one health check found. */
export interface CheckResult {
	/** undefined: it could not be asked, through no fault of the service. */
	readonly healthy: boolean | undefined;
	/** In words: `status 503`, `exited with code 1`. */
	readonly detail: string;
	/** Of a command: the last that it wrote. */
	readonly output?: string;
}

/** Asks once; gives up when the signal comes. Its own timeout is part of it. */
export type Check = (signal: AbortSignal) => Promise<CheckResult>;

/** When a service is asked, and what counts. Times in milliseconds. */
export interface HealthPolicy {
	/** From the end of one check to the next one. */
	readonly interval: number;
	/** Failures in a row that make it unhealthy. */
	readonly retries: number;
	/** After the start, in which failures don't count. */
	readonly startPeriod: number;
}

export const HEALTH_STATES = ["starting", "healthy", "unhealthy"] as const;
export type HealthState = (typeof HEALTH_STATES)[number];

/** What is known of a service's health. */
export interface HealthReport {
	readonly state: HealthState;
	readonly consecutiveFailures: number;
	readonly last?: CheckResult & { readonly at: Date };
}

/** Milliseconds between checks of what has just been started, so that it is soon known to be healthy. */
const EARLY_INTERVAL = 500;

/** Asks a service's process for its health, again and again, never twice at once. */
export class HealthWatch {
	#state: HealthState = "starting";
	#failures = 0;
	#last: HealthReport["last"];
	#cancel: Cancel = () => {};
	#watching = new AbortController();
	/** The check under way, which may outlast its watch a little. */
	#pending: Promise<unknown> = Promise.resolve();
	#startedAt = 0;
	/** When the latest row of good checks began, and when it was broken. */
	#healthySince: number | undefined;
	#failingSince: number | undefined;

	/** @param onChange called when it has become healthy or unhealthy */
	constructor(
		private readonly policy: HealthPolicy,
		private readonly check: Check,
		private readonly clock: Clock,
		private readonly onChange: (state: HealthState, detail: string) => void,
	) {
		this.#watching.abort();
	}

	get report(): HealthReport {
		return {
			state: this.#state,
			consecutiveFailures: this.#failures,
			...(this.#last && { last: this.#last }),
		};
	}

	/** Milliseconds for which it is healthy, or was until it began to fail. */
	get healthyFor(): number {
		return this.#healthySince === undefined
			? 0
			: (this.#failingSince ?? this.clock.now()) - this.#healthySince;
	}

	/** Whether the current process was healthy at any time. */
	get wasHealthy(): boolean {
		return this.#healthySince !== undefined;
	}

	/** Begins with a new process, of which nothing is known. */
	start(): void {
		this.stop();
		this.#watching = new AbortController();
		this.#state = "starting";
		this.#failures = 0;
		this.#last = undefined;
		this.#healthySince = undefined;
		this.#failingSince = undefined;
		this.#startedAt = this.clock.now();
		this.#plan(this.#watching.signal);
	}

	/** Asks no more; a check under way is called off, and what it says doesn't count. */
	stop(): void {
		this.#cancel();
		this.#watching.abort();
	}

	/** Failures before this don't count: at least until a first check at its time. */
	get #grace(): number {
		const { startPeriod, interval } = this.policy;
		return this.#startedAt + Math.max(startPeriod, interval);
	}

	#plan(signal: AbortSignal): void {
		const now = this.clock.now();
		const { interval } = this.policy;
		const isNew = this.#state === "starting" && now < this.#grace;
		const early = Math.min(EARLY_INTERVAL, this.#grace - now);
		const delay = isNew ? Math.min(interval, early) : interval;
		this.#cancel = this.clock.after(delay, () => void this.#ask(signal));
	}

	async #ask(signal: AbortSignal): Promise<void> {
		await this.#pending;
		if (signal.aborted) return;
		const began = this.clock.now();
		const asking = this.check(signal).catch(
			(error: unknown): CheckResult => ({
				healthy: false,
				detail: messageOf(error),
			}),
		);
		this.#pending = asking;
		const result = await asking;
		if (signal.aborted) return;
		this.#judge(result, began);
		if (!signal.aborted) this.#plan(signal);
	}

	#judge(result: CheckResult, began: number): void {
		this.#last = { ...result, at: new Date() };
		if (result.healthy === undefined) return;
		if (result.healthy) {
			this.#failures = 0;
			if (this.#failingSince !== undefined) this.#healthySince = undefined;
			this.#failingSince = undefined;
			this.#healthySince ??= this.clock.now();
			this.#become("healthy", result.detail);
			return;
		}
		if (began < this.#grace) return;
		this.#failingSince ??= began;
		this.#failures++;
		if (this.#failures < this.policy.retries) return;
		this.#become("unhealthy", result.detail);
	}

	#become(state: HealthState, detail: string): void {
		if (this.#state === state) return;
		this.#state = state;
		this.onChange(state, detail);
	}
}
