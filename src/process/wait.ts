import type { ManagedProcess } from "./process.ts";
import type { Cursor } from "./reader.ts";
import { type Match, type Patterns, StreamSearch } from "./search.ts";
import { Turns } from "./turns.ts";
import { Watch } from "./watch.ts";

export const WAIT_EVENTS = [
	"exit",
	"pattern",
	"failPattern",
	"port",
	"idle",
	"timeout",
] as const;
export type WaitEvent = (typeof WAIT_EVENTS)[number];

/** What a wait ends on, whichever comes first; the process's end always ends it. */
export interface WaitConditions extends Patterns {
	/** A TCP port on which the process or what it started listens. */
	readonly port?: number | undefined;
	/** Milliseconds without output, from the beginning of the wait on. */
	readonly idleMs?: number | undefined;
	/** Milliseconds. */
	readonly timeout: number;
	/** Where in the output patterns are looked for from. */
	readonly from: Cursor;
}

export interface WaitOutcome {
	readonly event: WaitEvent;
	/** The text that the pattern matched. */
	readonly match?: string;
	/** How far the output belongs to the event: to the end of the matching line, or all of it. */
	readonly until: Cursor;
	readonly elapsedMs: number;
}

/** Milliseconds between looks at the ports, at first and later. */
const FIRST_LOOK = 10;
const LONGEST_LOOK = 250;
/** How much longer than a look, or a search, the time to the next one is. */
const SPARING = 10;
/** Milliseconds that a match at the very end of the output is given to grow, after each growth and in all. */
const SETTLING = 20;
const LONGEST_SETTLING = 500;

/** Of all searches, so that a hundred of them leave the server time for others. */
const turns = new Turns();

/**
 * Waits until something happens to a process. Output that was there before counts
 * for patterns from `conditions.from` on, a port that was open before as well.
 *
 * @param signal ends the wait at once, as if its time were over
 */
export async function waitFor(
	process: ManagedProcess,
	conditions: WaitConditions,
	signal: AbortSignal,
): Promise<WaitOutcome> {
	const start = performance.now();
	const deadline = start + conditions.timeout;
	const sought = new Sought(process, conditions);
	const ports = new PortLook(process, conditions.port);
	const silence = new Silence(process, conditions.idleMs);
	const outcome = (event: WaitEvent, found?: Match, until?: Cursor) => ({
		event,
		...(found && { match: found.text }),
		until: until ?? endOf(process),
		elapsedMs: Math.round(performance.now() - start),
	});
	using watch = new Watch(process, signal);
	for (;;) {
		// Looked at first: what was written before the end is to be searched.
		const hasEnded = process.state !== "running";
		const found = await sought.look(hasEnded, deadline, signal);
		if (signal.aborted) return outcome("timeout");
		if (found) return outcome(found.match.name, found.match, found.until);
		if (ports.isOpen(hasEnded)) return outcome("port");
		if (hasEnded) return outcome("exit");
		const now = performance.now();
		if (silence.until(now) <= now) return outcome("idle");
		if (deadline <= now) return outcome("timeout");
		const next = Math.min(
			deadline,
			ports.next,
			silence.until(now),
			sought.next,
		);
		await watch.next(next - now);
	}
}

function endOf({ stdout, stderr }: ManagedProcess): Cursor {
	return { stdout: stdout.end, stderr: stderr.end };
}

interface Found {
	readonly match: Match;
	readonly until: Cursor;
}

/** The search for patterns in both streams. */
class Sought {
	readonly #searches: readonly (readonly [keyof Cursor, StreamSearch])[];
	/** Of the monotonic clock: when to look again where nothing new comes. */
	next = Number.POSITIVE_INFINITY;
	#rest = 0;
	/** A match that may grow: the end of the output, since when, and since when at all. */
	#open:
		| { readonly end: number; readonly at: number; readonly first: number }
		| undefined;

	constructor(
		private readonly process: ManagedProcess,
		{ pattern, failPattern, from }: WaitConditions,
	) {
		const patterns = {
			...(pattern && { pattern }),
			...(failPattern && { failPattern }),
		};
		this.#searches =
			pattern || failPattern
				? (["stdout", "stderr"] as const).map((name) => [
						name,
						new StreamSearch(process[name], from[name], patterns),
					])
				: [];
	}

	/** Looks at all that is new; a chatty process waits a little between two looks. */
	async look(
		isLast: boolean,
		deadline: number,
		signal: AbortSignal,
	): Promise<Found | undefined> {
		const start = performance.now();
		if (!isLast && start < this.#rest && start < deadline) {
			this.next = this.#rest;
			return undefined;
		}
		this.next = Number.POSITIVE_INFINITY;
		let cost = 0;
		for (const [name, search] of this.#searches) {
			while ((search.isBehind || this.#open) && !signal.aborted) {
				const match = await turns.run(() => {
					// It may have waited long for its turn.
					if (signal.aborted) return undefined;
					const before = performance.now();
					const result = search.step();
					cost += performance.now() - before;
					return result;
				});
				if (match && !this.#mayGrow(match, isLast, deadline))
					return this.#found(name, match);
				if (match || !search.isBehind) break;
				// A long output must not keep a wait beyond its time.
				if (performance.now() > deadline) return undefined;
			}
		}
		this.#rest = performance.now() + Math.min(cost * SPARING, LONGEST_LOOK);
		return undefined;
	}

	/** Whether to wait for what may still belong to a match; a prompt has no newline to end it. */
	#mayGrow(match: Match, isLast: boolean, deadline: number): boolean {
		const now = performance.now();
		if (!match.isOpen || isLast || now >= deadline) return false;
		const before = this.#open;
		const end = this.process.stdout.end + this.process.stderr.end;
		if (!before || before.end !== end)
			this.#open = { end, at: now, first: before?.first ?? now };
		const { at, first } = this.#open ?? { at: now, first: now };
		const until = Math.min(at + SETTLING, first + LONGEST_SETTLING, deadline);
		this.next = until;
		return now < until;
	}

	#found(name: keyof Cursor, match: Match): Found {
		return { match, until: { ...endOf(this.process), [name]: match.end } };
	}
}

/** Whether a port is open, looked at in growing intervals. */
class PortLook {
	/** Of the monotonic clock. */
	next: number;
	#interval = FIRST_LOOK;

	constructor(
		private readonly process: ManagedProcess,
		private readonly port: number | undefined,
	) {
		this.next = port === undefined ? Number.POSITIVE_INFINITY : 0;
	}

	isOpen(isLast: boolean): boolean {
		const start = performance.now();
		if (this.port === undefined || (start < this.next && !isLast)) return false;
		const isOpen = this.process.tree.listeningPorts()?.includes(this.port);
		const now = performance.now();
		this.next = now + Math.max(this.#interval, (now - start) * SPARING);
		this.#interval = Math.min(this.#interval * 1.3, LONGEST_LOOK);
		return isOpen === true;
	}
}

/** How long nothing was written. */
class Silence {
	#bytes: number;
	#since = performance.now();

	constructor(
		private readonly process: ManagedProcess,
		private readonly idleMs: number | undefined,
	) {
		this.#bytes = this.#written();
	}

	/** Of the monotonic clock: when it will have been silent for long enough. */
	until(now: number): number {
		if (this.idleMs === undefined) return Number.POSITIVE_INFINITY;
		const bytes = this.#written();
		if (bytes !== this.#bytes) {
			this.#bytes = bytes;
			this.#since = now;
		}
		return this.#since + this.idleMs;
	}

	#written(): number {
		return this.process.stdout.end + this.process.stderr.end;
	}
}
