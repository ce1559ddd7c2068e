import { diagnose, messageOf } from "../errors.ts";
import type { Orphan, Platform, Signal } from "../platform/platform.ts";
import { sendSignal } from "../platform/signal.ts";
import type { Guard } from "./guard.ts";
import { sleep } from "./timer.ts";

/** Milliseconds between looks, while anything runs. */
const INTERVAL = 1000;
const SHORTEST_INTERVAL = 20;
/** The same for a process that was just started. */
const FIRST_INTERVAL = 100;
/** Zombies that one look should find at most: those of a tree that forks and forks fill the table of processes. */
const MOST_ZOMBIES = 100;
/** Milliseconds that orphans get after SIGTERM when the server stops. */
const GRACE = 500;
const LOOK = 20;

/**
 * Looks after what left the process group it was started in: gives it into the
 * guard's care, and ends it with the server. On Linux, where this server adopts
 * what processes leave behind, those that ended are reaped; on macOS this is the
 * look at which trees learn what their members started. It wakes up only while
 * something runs.
 */
export class OrphanKeeper {
	#timer: ReturnType<typeof setTimeout> | undefined;
	#guarded: ReadonlySet<number> = new Set();
	#interval = INTERVAL;
	/** When the next look comes, by the monotonic clock. */
	#due = 0;
	/** Orphans that had been reaped by the last look. */
	#reaped = 0;

	/** @param isBusy whether a process runs, and so may leave something behind */
	constructor(
		private readonly platform: Platform,
		private readonly guard: Guard,
		private readonly isBusy: () => boolean,
	) {}

	/** To be called when a process was started: a look comes soon, as nobody knows yet what it does. */
	wake(): void {
		this.#interval = Math.min(this.#interval, FIRST_INTERVAL);
		this.#arm();
	}

	#arm(): void {
		const due = performance.now() + this.#interval;
		if (this.#timer !== undefined && this.#due <= due) return;
		clearTimeout(this.#timer);
		this.#due = due;
		this.#timer = setTimeout(() => this.#look(), this.#interval);
	}

	/** Asks every orphan to end, and kills what has not. */
	async endAll(): Promise<void> {
		clearTimeout(this.#timer);
		this.#signal("SIGTERM");
		this.#signal("SIGCONT");
		const deadline = performance.now() + GRACE;
		while (this.#orphans().length > 0) {
			if (performance.now() > deadline) return this.#signal("SIGKILL");
			await sleep(LOOK);
		}
	}

	#signal(signal: Signal): void {
		for (const { pid } of this.#orphans()) sendSignal(pid, signal);
	}

	#orphans(age?: "still"): readonly Orphan[] {
		try {
			return this.platform.orphans(age);
		} catch (error) {
			diagnose(`orphans can't be looked at: ${messageOf(error)}`);
			return [];
		}
	}

	#look(): void {
		this.guard.check();
		const orphans = this.#orphans("still");
		const groups = new Set(orphans.map(({ group }) => group));
		for (const group of groups)
			if (!this.#guarded.has(group)) this.guard.add(group);
		for (const group of this.#guarded)
			if (!groups.has(group)) this.guard.remove(group);
		this.#guarded = groups;
		// Others look, too, and reap what they see.
		const { reapedOrphans } = this.platform;
		const zombies = Math.max(1, reapedOrphans - this.#reaped);
		this.#reaped = reapedOrphans;
		const interval = (this.#interval * MOST_ZOMBIES) / zombies;
		this.#interval = Math.min(
			INTERVAL,
			Math.max(SHORTEST_INTERVAL, Math.min(interval, this.#interval * 2)),
		);
		this.#timer = undefined;
		if (this.isBusy() || orphans.length > 0) this.#arm();
	}
}
