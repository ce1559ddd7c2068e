import { ProcessError } from "../../src/errors.ts";
import type { Termination } from "../../src/process/termination.ts";
import { nextTurn } from "../../src/process/turns.ts";
import type { Clock } from "../../src/supervision/clock.ts";
import type { CheckResult } from "../../src/supervision/health.ts";
import type { RestartPolicy } from "../../src/supervision/restart.ts";
import { Service } from "../../src/supervision/service.ts";
import type {
	Instance,
	ServiceOptions,
	Surroundings,
} from "../../src/supervision/surroundings.ts";

/** A clock that stands still until it is turned. */
export class TestClock implements Clock {
	#now = 0;
	#timers: { readonly due: number; readonly action: () => void }[] = [];

	now(): number {
		return this.#now;
	}

	after(delay: number, action: () => void): () => void {
		const timer = { due: this.#now + delay, action };
		this.#timers.push(timer);
		return () => {
			this.#timers = this.#timers.filter((each) => each !== timer);
		};
	}

	get waiting(): number {
		return this.#timers.length;
	}

	/** Turns it on, timer by timer, with what each of them sets off. */
	async turn(milliseconds: number): Promise<void> {
		await settle();
		const end = this.#now + milliseconds;
		for (;;) {
			const next = this.#timers.toSorted((a, b) => a.due - b.due)[0];
			if (!next || next.due > end) break;
			this.#now = next.due;
			this.#timers = this.#timers.filter((each) => each !== next);
			next.action();
			await settle();
		}
		this.#now = end;
		await settle();
	}
}

/** Lets everything that waits for nothing but its turn happen. */
export async function settle(): Promise<void> {
	for (let turns = 0; turns < 3; turns++) await nextTurn();
}

/** A made-up process, which lives until it is told otherwise. */
export class TestInstance implements Instance {
	readonly startedAt = new Date(0);
	readonly uptime = 0;
	termination: Termination | undefined;
	readonly #ended = Promise.withResolvers<void>();
	readonly #gone = Promise.withResolvers<void>();
	readonly ended = this.#ended.promise;
	readonly gone = this.#gone.promise;
	isGone = false;

	constructor(
		readonly pid: number,
		/** It leaves something behind that only `clear` ends. */
		readonly isSticky: boolean,
	) {}

	get lives(): boolean {
		return !this.isGone && (!this.termination || this.isSticky);
	}

	end(termination: Partial<Termination>): void {
		if (this.termination) return;
		this.termination = {
			cause: "exited",
			exitCode: 0,
			signal: null,
			message: "ended",
			endedAt: new Date(0),
			...termination,
		};
		this.#ended.resolve();
		if (!this.isSticky) void this.ended.then(() => this.clear());
	}

	clear(): void {
		if (!this.termination) throw new Error("it has not ended yet");
		this.isGone = true;
		this.#gone.resolve();
	}
}

const POLICY: RestartPolicy = {
	enabled: true,
	maxRetries: 3,
	backoffMs: 1000,
	maxBackoffMs: 60_000,
	resetAfterMs: 60_000,
};

/** A service whose processes are made up and whose clock is turned by hand. */
export class Supervised {
	readonly clock = new TestClock();
	readonly instances: TestInstance[] = [];
	/** What happened, with the time: `start 1`, `restart scheduled`. */
	readonly log: string[] = [];
	readonly service: Service<TestInstance>;
	/** Places taken and not given back. */
	places = 0;
	/** How the next processes come; each launch waits while this is set. */
	gate: Promise<void> | undefined;
	refusal: string | undefined;
	isSticky = false;
	/** Ending takes until it is told otherwise. */
	isStubborn = false;
	health: CheckResult = { healthy: true, detail: "well" };
	checks = 0;

	constructor(
		restart: Partial<RestartPolicy> = {},
		health?: Partial<NonNullable<ServiceOptions["health"]>>,
	) {
		this.service = new Service<TestInstance>(
			"test",
			{
				restart: { ...POLICY, ...restart },
				health: health && {
					interval: 10_000,
					retries: 1,
					startPeriod: 0,
					check: async () => {
						this.checks++;
						return this.health;
					},
					...health,
				},
			},
			this.#around(),
		);
	}

	get alive(): TestInstance[] {
		return this.instances.filter(({ isGone }) => !isGone);
	}

	get latest(): TestInstance {
		const latest = this.instances.at(-1);
		if (!latest) throw new Error("nothing was started");
		return latest;
	}

	start(): Promise<TestInstance> {
		return this.service.restart(ASKED);
	}

	stop() {
		return this.service.stop(ASKED);
	}

	async crash(exitCode = 1): Promise<void> {
		this.latest.end({ exitCode, message: `exited with code ${exitCode}` });
		await settle();
	}

	#note(text: string): void {
		this.log.push(`${this.clock.now()} ${text}`);
	}

	#around(): Surroundings<TestInstance> {
		return {
			clock: this.clock,
			admit: async () => {
				this.places++;
				return () => {
					this.places--;
				};
			},
			launch: async () => {
				await this.gate;
				if (this.refusal !== undefined)
					throw new ProcessError("SPAWN_FAILED", this.refusal, "Mend it.");
				if (this.alive.length > 0) throw new Error("two instances at once");
				const instance = new TestInstance(
					this.instances.length + 1,
					this.isSticky,
				);
				this.instances.push(instance);
				this.#note(`start ${instance.pid}`);
				return instance;
			},
			end: async (instance, { cause, message }) => {
				if (!this.isStubborn)
					instance.end({ cause, message, exitCode: 143, signal: "SIGTERM" });
				if (instance.termination && !this.isStubborn) instance.clear();
				await instance.gone;
				return { reason: "graceful", survivors: [] };
			},
			lastOutput: ({ pid }) => `output of ${pid}`,
			record: ({ operation, result }) => this.#note(`${operation} ${result}`),
		};
	}
}

export const ASKED = {
	cause: "terminated",
	message: "ended by a test",
	force: false,
	grace: 5000,
	mayKill: true,
} as const;
