import type { Exit } from "./exit.ts";
import type { Identity } from "./identity.ts";
import type { Launched } from "./launcher.ts";
import { Listeners } from "./listeners.ts";
import { OutputRing } from "./output.ts";
import type { OutputStream } from "./output-pipe.ts";
import type { InputStream } from "./stdin.ts";
import {
	type Blame,
	type Cause,
	causeOfDeath,
	explain,
	type State,
	type Status,
	stateOf,
	type Termination,
} from "./termination.ts";
import { after, type Cancel, settlesWithin } from "./timer.ts";
import { nextTurn, readableIsRead, turns, yieldAfter } from "./turns.ts";

/** How long output may be still for, in milliseconds, before an ended process's pipe counts as read. */
const QUIET = 25;
/** How long an ended process's output is waited for where another one keeps writing. */
const LONGEST_DRAIN = 500;

/** Milliseconds between looks at what an ended process left behind; at first, and later, while it is being ended. */
const LEFTOVER_INTERVAL = 250;
const HURRIED_INTERVAL = 2;
const LONGEST_HURRIED_INTERVAL = 50;

/** A process started here: its streams, its state, and why it ended. */
export class ManagedProcess {
	readonly pid: number;
	readonly startedAt: Date;
	/** Milliseconds of the monotonic clock. */
	readonly #start = performance.now();
	#end: number | undefined;
	readonly stdout: OutputRing;
	readonly stderr: OutputRing;
	readonly captured: boolean;
	/** Its standard error goes where its standard output goes. */
	readonly isMerged: boolean;
	readonly stdin: InputStream | undefined;
	readonly terminal: Launched["terminal"];
	/** Resolves when it has ended and what it wrote was read; never rejects. */
	readonly ended: Promise<void>;
	/** Resolves when nothing that it started lives either; never rejects. */
	readonly gone: Promise<void>;
	readonly tree: Launched["tree"];
	/** Pid of the process whose output is its standard input, in a pipeline. */
	fedBy: number | undefined;
	/** Told of its end. */
	readonly changed = new Listeners();
	/** The process that has this one's standard output as its input, by a kernel pipe. */
	#pipedTo: number | undefined;

	#status: Status = { state: "running" };
	#blame: Blame | undefined;
	readonly #timers: Cancel[] = [];
	/** Milliseconds to the next look at what it left behind, while somebody waits for its end. */
	#haste: number | undefined;
	#wake: () => void = () => {};
	/** Chunks of output so far; it stands still when the pipes are empty. */
	#chunks = 0;
	#cutOutput: () => void = () => {};
	readonly #unread: Launched["unread"];
	#opened: Promise<void> = Promise.resolve();
	/** What resolves once the streams that are read have ended. */
	readonly #reading: Promise<void>[] = [];

	/**
	 * @param capacity bytes of output kept for each stream
	 * @param expire called when a deadline passes
	 */
	constructor(
		readonly identity: Identity,
		launched: Launched,
		capacity: number,
		expire: (process: ManagedProcess, cause: Cause, message: string) => void,
	) {
		this.pid = launched.pid;
		this.startedAt = new Date();
		this.stdin = launched.stdin;
		this.terminal = launched.terminal;
		this.#unread = launched.unread;
		this.captured = (launched.stdout ?? launched.unread) !== undefined;
		this.isMerged = this.captured && launched.stderr === undefined;
		this.stdout = new OutputRing(capacity);
		this.stderr = new OutputRing(capacity);
		this.tree = launched.tree;
		if (!launched.unread) this.#readOutput(launched.stdout);
		this.#reading.push(this.#pump(launched.stderr, this.stderr));
		this.ended = launched.exited.then((exit) => this.#finish(exit));
		this.gone = this.ended.then(() => this.#outlast());
		for (const cause of ["timeout", "lifetime"] as const) {
			const delay = identity.deadlines[cause];
			if (delay === undefined) continue;
			const message =
				cause === "timeout"
					? `ended after its timeout of ${delay} ms`
					: `ended after ${delay / 1000} s (maxProcessLifetime)`;
			this.#timers.push(after(delay, () => expire(this, cause, message)));
		}
	}

	get status(): Status {
		return this.#status;
	}

	get state(): State {
		return this.#status.state;
	}

	get termination(): Termination | undefined {
		const status = this.#status;
		return status.state === "running" ? undefined : status.termination;
	}

	/** Whether it runs, or anything that it left behind does. */
	get lives(): boolean {
		return this.state === "running" || this.tree.alive().length > 0;
	}

	/** Milliseconds from its start to its end, or to now. */
	get uptime(): number {
		return Math.round((this.#end ?? performance.now()) - this.#start);
	}

	/** Milliseconds from its start to now, also where only what it left behind lives. */
	get age(): number {
		return performance.now() - this.#start;
	}

	/** Says why it is about to be ended; the first word counts. */
	blame(cause: Cause, message: string): void {
		// What has ended, heard of or not, was not ended by this.
		if (!this.#blame && !this.tree.hasLeaderEnded())
			this.#blame = { cause, message };
	}

	/** Adds to what was said of its end, if it was said by this cause. */
	addToBlame(cause: Cause, more: string): void {
		if (this.#blame?.cause !== cause) return;
		this.#blame = { cause, message: `${this.#blame.message}, ${more}` };
	}

	async #finish(exit: Exit): Promise<void> {
		const endedAt = new Date();
		this.#end = performance.now();
		// Whatever is said from now on did not end it.
		const blame = this.#blame ?? causeOfDeath(exit, this.tree, this.identity);
		// In a pipeline what it left behind may read on.
		if (this.fedBy === undefined) this.stdin?.close();
		await this.#drain();
		const termination = explain(exit, blame, endedAt);
		this.#status = { state: stateOf(termination), termination, exit };
		this.changed.call();
	}

	/** Has `gone` know soon, as somebody ends the tree and waits for that. */
	hurry(): void {
		this.#haste = HURRIED_INTERVAL;
		this.#wake();
	}

	/** Waits for what it left behind, which its deadlines still hold for. */
	async #outlast(): Promise<void> {
		// Who waits for its end alone has the answer first.
		if (this.#haste === undefined) await nextTurn();
		for (;;) {
			const { left, cost } = await turns.run(() => this.#leftovers());
			if (left === 0) break;
			const pause = this.#haste ?? LEFTOVER_INTERVAL;
			this.#haste &&= Math.min(pause * 2, LONGEST_HURRIED_INTERVAL);
			// A large tree takes long to look at; that must not be all the server does.
			const most = this.#haste === undefined ? 20 : 1;
			const woken = Promise.withResolvers<void>();
			this.#wake = woken.resolve;
			await settlesWithin(woken.promise, Math.max(pause, cost * most));
		}
		for (const cancel of this.#timers) cancel();
		this.stdin?.close();
		// What it left in its pipe is kept as any process's is, without the pipe.
		void this.openOutput();
	}

	/** Its standard output, as long as nobody reads it: what another child may have as its input. */
	get unread(): Launched["unread"] {
		return this.#unread?.isHere ? this.#unread : undefined;
	}

	/** Pid of the process that reads its standard output in place of this server. */
	get pipedTo(): number | undefined {
		return this.#pipedTo;
	}

	/** Its standard output was left to another process. */
	pipeTo(pid: number): void {
		this.#pipedTo = pid;
		this.stdout.finish();
	}

	/**
	 * Has its standard output read here, from its first byte, if nobody reads it yet.
	 * Resolves when what waited in the pipe can be read, or nothing did.
	 */
	openOutput(): Promise<void> {
		const stream = this.#unread?.take();
		if (stream) {
			this.#readOutput(stream);
			this.#opened = this.#drain();
		}
		return this.#opened;
	}

	/**
	 * Has nothing hold it back any more: what it writes is read, and the oldest of it
	 * dropped as for any process. For who waits for its end.
	 */
	async freeOutput(): Promise<void> {
		this.stdout.hold?.free();
		await this.openOutput();
	}

	#readOutput(stream: OutputStream | undefined): void {
		const onCut = (cut: () => void) => {
			this.#cutOutput = cut;
		};
		this.#reading.push(this.#pump(stream, this.stdout, onCut));
	}

	/** Reads its standard output no more: whoever writes to it finds a broken pipe, as in a shell. */
	closeOutput(): void {
		this.#cutOutput();
		this.#unread?.close();
		this.stdout.hold?.take(Number.POSITIVE_INFINITY);
	}

	#leftovers(): { readonly left: number; readonly cost: number } {
		const start = performance.now();
		const left = this.tree.alive().length;
		return { left, cost: performance.now() - start };
	}

	/**
	 * Waits for what the process wrote before it ended. The end of its streams
	 * would be too much to wait for: a descendant may hold them for hours.
	 */
	async #drain(): Promise<void> {
		const read = Promise.all(this.#reading);
		const limit = performance.now() + LONGEST_DRAIN;
		let before: number;
		do {
			before = this.#chunks;
			if (await settlesWithin(read, QUIET)) return;
			await readableIsRead();
		} while (this.#chunks !== before && performance.now() < limit);
	}

	async #pump(
		stream: OutputStream | undefined,
		ring: OutputRing,
		onCut: (cut: () => void) => void = () => {},
	): Promise<void> {
		if (!stream) return ring.finish();
		const reader = stream.chunks.getReader();
		onCut(() => void reader.cancel().catch(() => {}));
		let since = performance.now();
		try {
			for (;;) {
				const { done, value } = await reader.read();
				if (done) break;
				this.#chunks++;
				ring.append(value);
				stream.release?.(value);
				if (ring.isFull) await ring.room();
				since = await yieldAfter(since);
			}
		} catch {
			// A read that fails is the end of what can be read.
		} finally {
			stream.close();
			ring.finish();
		}
	}
}
