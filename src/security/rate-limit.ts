import type { Config } from "../config/schema.ts";
import { ProcessError } from "../errors.ts";

type Limits = Pick<
	Config,
	| "maxConcurrentProcesses"
	| "maxConcurrentProcessesPerAgent"
	| "maxTotalProcesses"
	| "maxLaunchesPerMinute"
	| "maxLaunchesPerHour"
	| "rateLimitCooldownSeconds"
>;

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A service that keeps its place also while it waits to be started again. */
export interface Keeper {
	readonly name: string;
	isWaiting(): boolean;
}

/** Of what runs, one; or of a service that goes on. */
export interface Place {
	readonly agent: string;
	keeper?: Keeper;
	/** Gives it back; calling it again does nothing. */
	readonly release: () => void;
}

/** Counts what runs and what was launched, and says when it is too much. */
export class LaunchLedger {
	readonly #places = new Set<Place>();
	/** Launches of the last hour, oldest first, in milliseconds of the clock. */
	readonly #launches: number[] = [];
	#total = 0;
	#cooldownUntil = Number.NEGATIVE_INFINITY;

	/** @param now a clock in milliseconds that never goes back */
	constructor(
		private readonly limits: Limits,
		private readonly now: () => number,
	) {}

	/**
	 * Whether one more process may run and be launched at all; returns what runs.
	 *
	 * @throws ProcessError CONCURRENT_LIMIT_EXCEEDED or TOTAL_LIMIT_EXCEEDED
	 */
	checkConcurrency(agent: string): string {
		const { maxConcurrentProcesses, maxConcurrentProcessesPerAgent } =
			this.limits;
		const places = [...this.#places];
		const running = places.length;
		if (running >= maxConcurrentProcesses)
			throw tooMany(places, "maxConcurrentProcesses");
		const mine = places.filter((place) => place.agent === agent);
		const most = maxConcurrentProcessesPerAgent ?? Number.POSITIVE_INFINITY;
		if (mine.length >= most)
			throw tooMany(mine, "maxConcurrentProcessesPerAgent");
		const { maxTotalProcesses } = this.limits;
		if (maxTotalProcesses !== undefined && this.#total >= maxTotalProcesses) {
			throw new ProcessError(
				"TOTAL_LIMIT_EXCEEDED",
				`Maximum total processes reached: ${this.#total} were started (maxTotalProcesses)`,
				"Nothing more can be started until the user restarts the server or raises maxTotalProcesses.",
				{ key: "maxTotalProcesses" },
			);
		}
		return `${running} of ${maxConcurrentProcesses} are running`;
	}

	/**
	 * Whether one more launch fits the rates; returns how many there were.
	 *
	 * @throws ProcessError RATE_LIMIT_EXCEEDED; `details.retryAfterMs` says when to try again
	 */
	checkRate(): string {
		const now = this.now();
		this.#forgetBefore(now - HOUR);
		const cooldown = this.limits.rateLimitCooldownSeconds * 1000;
		const { maxLaunchesPerMinute, maxLaunchesPerHour } = this.limits;
		const waits = [
			this.#wait(now, MINUTE, maxLaunchesPerMinute, "maxLaunchesPerMinute"),
			this.#wait(now, HOUR, maxLaunchesPerHour, "maxLaunchesPerHour"),
		].filter(({ wait }) => wait > 0);
		if (waits.length > 0 && now >= this.#cooldownUntil)
			this.#cooldownUntil = now + cooldown;
		waits.push({
			wait: this.#cooldownUntil - now,
			key: "rateLimitCooldownSeconds",
		});
		const longest = waits.reduce((a, b) => (b.wait > a.wait ? b : a));
		if (longest.wait > 0) throw tooFast(longest.key, longest.wait);
		return `${this.#launches.length} launches in the last hour`;
	}

	/** What is old stands first, and there is hardly ever any. */
	#forgetBefore(time: number): void {
		const kept = this.#launches.findIndex((at) => at > time);
		this.#launches.splice(0, kept < 0 ? this.#launches.length : kept);
	}

	/** Milliseconds until a window has room for one more launch: the one that fills it leaves then. */
	#wait(now: number, window: number, limit: number | undefined, key: string) {
		const last = limit === undefined ? undefined : this.#launches.at(-limit);
		const leaves = last === undefined ? now : last + window;
		return { key, wait: Math.max(0, leaves - now) };
	}

	/** Counts a launch. */
	count(): void {
		this.#launches.push(this.now());
		this.#total++;
	}

	/** Counts a launch and takes its place among the running ones. */
	enter(agent: string): Place {
		this.count();
		const place: Place = { agent, release: () => this.#places.delete(place) };
		this.#places.add(place);
		return place;
	}
}

function tooMany(places: readonly Place[], key: string): ProcessError {
	const running = places.length;
	const waiting = places.flatMap(({ keeper }) =>
		keeper?.isWaiting() ? keeper.name : [],
	);
	const isHeld = waiting.length > 0;
	const held = `; of these, services wait to be started again: ${waiting.join(", ")}`;
	const stop = ", process_stop_service for one that waits";
	return new ProcessError(
		"CONCURRENT_LIMIT_EXCEEDED",
		`Maximum concurrent processes reached: ${running} are running (${key})${isHeld ? held : ""}`,
		`End one that is no longer needed (process_list, process_terminate${isHeld ? stop : ""}), or wait for one to end; one that has ended counts for as long as processes that it left behind live; or the user raises ${key}.`,
		{ running, key, ...(isHeld && { waitingServices: waiting }) },
	);
}

function tooFast(key: string, retryAfterMs: number): ProcessError {
	const wait = Math.ceil(retryAfterMs);
	return new ProcessError(
		"RATE_LIMIT_EXCEEDED",
		`Process launch rate limit exceeded (${key}); the next launch can be in ${Math.ceil(wait / 1000)} s`,
		`Wait before the next launch; or the user raises ${key === "rateLimitCooldownSeconds" ? "the limit or lowers rateLimitCooldownSeconds" : key}.`,
		{ key, retryAfterMs: wait },
	);
}
