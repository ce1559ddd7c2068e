import { messageOf } from "../errors.ts";
import { type AuditEvent, masked } from "./audit-event.ts";

/** Attempts for one alert, and the first pause between two, in milliseconds; each next one is twice as long. */
const ATTEMPTS = 4;
const FIRST_PAUSE = 1000;
/** Milliseconds that an attempt may take. */
const ATTEMPT_TIMEOUT = 5000;
/** Alerts that wait; more are counted, and told of with the next one that is sent. */
const LONGEST_QUEUE = 100;

export interface AlertOptions {
	readonly url: string;
	/** Told of each alert that is given up, with the reason. */
	readonly onLost: (reason: string) => void;
	readonly firstPause?: number;
	readonly attemptTimeout?: number;
}

/** Posts refusals to a webhook, one after the other, in the background. */
export class AlertSender {
	readonly #queue: object[] = [];
	#sending: Promise<void> | undefined;
	#overflowed = 0;
	#stopped = false;
	#wake: (() => void) | undefined;

	constructor(private readonly options: AlertOptions) {}

	/** Takes what an alert tells of; never waits, never throws. */
	send(event: AuditEvent): void {
		if (this.#stopped || this.#queue.length >= LONGEST_QUEUE) {
			this.#overflowed++;
			return;
		}
		const timestamp = new Date().toISOString();
		this.#queue.push({ timestamp, ...masked(event) });
		this.#sending ??= this.#run().finally(() => {
			this.#sending = undefined;
		});
	}

	/** Gives what waits `patience` milliseconds, then gives it up. */
	async stop(patience: number): Promise<void> {
		const deadline = setTimeout(() => {
			this.#stopped = true;
			this.#wake?.();
		}, patience);
		await this.#sending;
		clearTimeout(deadline);
		this.#stopped = true;
		if (this.#overflowed > 0)
			this.options.onLost(`${this.#overflowed} more than could wait`);
	}

	async #run(): Promise<void> {
		for (let alert = this.#queue[0]; alert; alert = this.#queue[0]) {
			const lost = this.#overflowed;
			const body = JSON.stringify(lost > 0 ? { ...alert, lost } : alert);
			const failure = await this.#deliver(body);
			this.#queue.shift();
			if (failure === undefined) this.#overflowed -= lost;
			else this.options.onLost(failure);
		}
	}

	/** Undefined once it is delivered, else why it could not be. */
	async #deliver(body: string): Promise<string | undefined> {
		let pause = this.options.firstPause ?? FIRST_PAUSE;
		let failure = "the server stopped";
		for (let attempt = 1; attempt <= ATTEMPTS && !this.#stopped; attempt++) {
			if (attempt > 1) {
				await this.#pause(pause);
				pause *= 2;
			}
			if (this.#stopped) break;
			const problem = await this.#post(body);
			if (problem === undefined) return undefined;
			failure = problem;
		}
		return failure;
	}

	async #post(body: string): Promise<string | undefined> {
		const abort = new AbortController();
		const stop = () => abort.abort(new Error("no answer in time"));
		const timer = setTimeout(
			stop,
			this.options.attemptTimeout ?? ATTEMPT_TIMEOUT,
		);
		this.#wake = stop;
		try {
			const response = await fetch(this.options.url, {
				method: "POST",
				headers: { "content-type": "application/json" },
				body,
				// An alert goes where the user said, and nowhere else.
				redirect: "manual",
				signal: abort.signal,
			});
			await response.body?.cancel();
			return response.ok ? undefined : `status ${response.status}`;
		} catch (error) {
			return messageOf(error);
		} finally {
			clearTimeout(timer);
			this.#wake = undefined;
		}
	}

	#pause(delay: number): Promise<void> {
		return new Promise((resolve) => {
			const done = () => {
				clearTimeout(timer);
				resolve();
			};
			const timer = setTimeout(done, delay);
			this.#wake = done;
		});
	}
}
