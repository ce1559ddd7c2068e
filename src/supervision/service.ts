import { diagnose, messageOf } from "../errors.ts";
import { Listeners } from "../process/listeners.ts";
import type { ManagedProcess } from "../process/process.ts";
import type {
	TerminationOutcome,
	TerminationRequest,
} from "../process/terminator.ts";
import type { Ask } from "../security/confirmation.ts";
import { Backoff } from "./backoff.ts";
import { beingStopped, byItself, eventOf, reasonOf, remember } from "./ends.ts";
import { type HealthReport, HealthWatch } from "./health.ts";
import {
	isOver,
	RESTART_TABLE,
	type ServiceEvent,
	type ServiceState,
} from "./restart.ts";
import type {
	Failure,
	Instance,
	PastRun,
	RecordParts,
	ServiceOptions,
	Surroundings,
} from "./surroundings.ts";

/** A program that needs longer than it is given is ended each time before it is up. */
const NEVER_HEALTHY =
	" (never healthy since its start: if it takes longer to come up, give a healthCheck.startPeriod)";

/**
 * One supervised program. What it does when something happens stands in
 * `RESTART_TABLE`; this carries it out. An instance is a process with all that it
 * started, and the next one is launched only once nothing of the last one lives.
 */
export class Service<P extends Instance = ManagedProcess> {
	#state: ServiceState = "stopped";
	/** The latest process, ended or not. */
	#process: P | undefined;
	/** The process of which something may live. */
	#living: P | undefined;
	#run = 0;
	readonly #past: PastRun[] = [];
	/** Gives its place among the running processes back; held from the admission to the end. */
	#place: (() => void) | undefined;
	#failure: Failure | undefined;
	#startedAt = 0;
	readonly #backoff: Backoff;
	/** How the tree is to be ended, the next time it is. */
	#manner: TerminationRequest = byItself("");
	#ending: Promise<TerminationOutcome> | undefined;
	/** The system's part of a launch, while it is under way. */
	#launching: Promise<P> | undefined;
	/** What those wait for who want it started. */
	#awaited: PromiseWithResolvers<P> | undefined;
	readonly #health: HealthWatch | undefined;
	/** Told of every change of its state. */
	readonly changed = new Listeners();

	constructor(
		readonly name: string,
		private readonly options: ServiceOptions,
		private readonly around: Surroundings<P>,
	) {
		const { health, restart } = options;
		this.#backoff = new Backoff(restart, around.clock);
		this.#health =
			health &&
			new HealthWatch(health, health.check, around.clock, (state, detail) =>
				this.#onHealth(state, detail),
			);
	}

	get state(): ServiceState {
		return this.#state;
	}

	/** The latest process, running or ended; undefined before the first one. */
	get process(): P | undefined {
		return this.#process;
	}

	/** Number of the latest process; the first one is 1. */
	get run(): number {
		return this.#run;
	}

	/** Processes that ended, oldest first; only the latest are remembered. */
	get past(): readonly PastRun[] {
		return this.#past;
	}

	get failure(): Failure | undefined {
		return this.#failure;
	}

	/** Of what runs; of what does not, only that it was unhealthy. */
	get health(): HealthReport | undefined {
		const report = this.#health?.report;
		const isTold = this.#state === "running" || report?.state === "unhealthy";
		return isTold ? report : undefined;
	}

	/** Milliseconds until it is started again; undefined where it doesn't wait for that. */
	get nextStartIn(): number | undefined {
		return this.#backoff.left;
	}

	/**
	 * Starts it, or ends what runs of it and starts it anew.
	 *
	 * @param manner how what runs is ended
	 * @param ask how to ask the user, where it has to be admitted first
	 * @returns its new process
	 * @throws ProcessError what the gate or the system said of the launch;
	 *   TERMINATION_FAILED where what runs did not end; PROCESS_NOT_RUNNING where
	 *   it is being stopped
	 */
	async restart(manner: TerminationRequest, ask?: Ask): Promise<P> {
		if (this.#state === "stopping") throw beingStopped(this.name);
		this.#awaited ??= Promise.withResolvers<P>();
		const { promise } = this.#awaited;
		this.#manner = manner;
		this.#backoff.reset();
		this.#on("restart", ask);
		return promise;
	}

	/**
	 * Ends it for good; returns when nothing of it lives, or with what survives.
	 * undefined: nothing of it lived.
	 *
	 * @throws ProcessError TERMINATION_FAILED; it then is not started again all the same
	 */
	async stop(
		manner: TerminationRequest,
	): Promise<TerminationOutcome | undefined> {
		this.#manner = manner;
		this.#ending = undefined;
		this.#on("stop");
		this.#disappoint(beingStopped(this.name));
		// What the system is starting has to be ended as well.
		await this.#launching?.catch(() => {});
		return this.#ending;
	}

	#on(event: ServiceEvent, ask?: Ask): void {
		const step = RESTART_TABLE[this.#state][event];
		if (!step) return;
		const before = this.#state;
		this.#state = step.next;
		if (before === "running" && step.next !== "running") this.#health?.stop();
		if (before === "backoff") this.#backoff.end();
		// Whoever asks for it leaves what went wrong behind; the history still tells.
		if (event === "stop" || event === "restart") this.#failure = undefined;
		if (isOver(step.next)) this.#giveUpPlace();
		switch (step.action) {
			case "launch":
				void this.#launch(ask);
				break;
			case "end":
				this.#end();
				break;
			case "retry":
				this.#retry();
				break;
		}
		this.changed.call();
	}

	async #launch(ask: Ask | undefined): Promise<void> {
		const isFirst = this.#place === undefined;
		let process: P;
		try {
			this.#place ??= await this.around.admit(ask);
			// Somebody may have stopped it while the user was asked.
			if (this.#state !== "starting") throw beingStopped(this.name);
			this.#launching = this.around.launch();
			process = await this.#launching;
		} catch (error) {
			this.#onRefusal(isFirst ? "rejected" : "refused", error);
			return;
		} finally {
			this.#launching = undefined;
		}
		this.#adopt(process);
	}

	#adopt(process: P): void {
		this.#process = process;
		this.#living = process;
		this.#run++;
		this.#startedAt = this.around.clock.now();
		void process.ended.then(() => this.#onEnd(process));
		void process.gone.then(() => {
			this.#living = undefined;
			this.#on("gone");
		});
		const why = this.#failure?.reason ?? "asked for";
		if (this.#run > 1)
			this.#record("info", "restart", "started", `run ${this.#run}: ${why}`);
		this.#failure = undefined;
		this.#on("started");
		if (this.#state !== "running") return;
		this.#health?.start();
		this.#awaited?.resolve(process);
		this.#awaited = undefined;
	}

	#onRefusal(event: "rejected" | "refused", error: unknown): void {
		const reason = `could not be started: ${messageOf(error)}`;
		if (this.#state === "starting") this.#failure = { reason, output: "" };
		this.#backoff.fail(0);
		this.#on(event);
		this.#disappoint(error);
	}

	#onEnd(process: P): void {
		const { termination } = process;
		if (!termination) return;
		const event = eventOf(termination);
		const isCrash = event === "crashed" && this.#state === "running";
		if (isCrash) this.#fail(process, termination.message);
		const reason = reasonOf(this.#state, this.#failure, termination);
		remember(this.#past, this.#run, process, termination, reason);
		if (this.#state === "running")
			this.#manner = byItself("left behind by a service's process");
		this.#on(event);
	}

	#onHealth(state: HealthReport["state"], detail: string): void {
		const isIll = state === "unhealthy";
		this.#record(isIll ? "warn" : "info", "health", state, detail);
		const process = this.#process;
		// What isn't to be restarted is better ill than dead.
		if (!isIll || !process || !this.options.restart.enabled) return;
		const reason = `unhealthy: ${detail}`;
		this.#fail(process, reason, this.#health?.wasHealthy ? "" : NEVER_HEALTHY);
		this.#manner = byItself(`ended to be restarted, as it was ${reason}`);
		this.#on("unhealthy");
	}

	#fail(process: P, reason: string, advice = ""): void {
		const output = this.around.lastOutput(process);
		this.#failure = { reason, output, advice };
		this.#backoff.fail(
			this.#health?.healthyFor ?? this.around.clock.now() - this.#startedAt,
		);
	}

	#retry(): void {
		const { reason: bare = "", output = "", advice = "" } = this.#failure ?? {};
		const reason = `${bare}${advice}`;
		if (this.#failure) this.#failure = { reason, output };
		const retry = this.#backoff.begin(() => this.#on("due"));
		if (retry.kind === "give up") {
			const why = `${reason}; ${retry.why}`;
			this.#failure = { reason: why, output };
			this.#record("error", "service", "failed", why);
			this.#on("exhausted");
			return;
		}
		const { maxRetries } = this.options.restart;
		const row = `${retry.retries} of ${maxRetries} in a row, in ${retry.delay} ms`;
		this.#record("warn", "restart", "scheduled", `${reason}; ${row}`);
	}

	#end(): void {
		const process = this.#living;
		// Of what ended by itself and left nothing there is no end to be made.
		if (!process?.lives) return;
		this.#ending = this.around.end(process, this.#manner);
		this.#ending.catch((error: unknown) => {
			if (this.#awaited) this.#disappoint(error);
			else diagnose(`service ${this.name}: ${messageOf(error)}`);
		});
	}

	/** Tells those who wait for a start that it doesn't come. */
	#disappoint(error: unknown): void {
		this.#awaited?.reject(error);
		this.#awaited = undefined;
	}

	#giveUpPlace(): void {
		if (this.#state === "stopped")
			this.#record("info", "service", "stopped", `after ${this.#run} runs`);
		this.#place?.();
		this.#place = undefined;
	}

	#record(...[level, operation, result, reason]: RecordParts): void {
		this.around.record({ level, operation, result, reason }, this.#process);
	}
}
