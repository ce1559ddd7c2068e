import type { TreeSample } from "../platform/platform.ts";
import { Figures, type Usage } from "./figures.ts";
import type { Point } from "./history.ts";
import type { ManagedProcess } from "./process.ts";
import { turns } from "./turns.ts";

/** Milliseconds between looks at a tree without limits. */
const INTERVAL = 1000;
/** Ages in milliseconds of the first looks: much happens early, and much ends early. One that is missed is not made up for. */
const EARLY = [20, 60, 140, 300, 600];
/** First looks that each has at least: of one that does nothing two show that. */
const FEWEST_EARLY = 2;
/** Milliseconds to whose multiples looks are put off, so that many share one turn. */
const GRAIN = 20;
const COARSE_GRAIN = 100;
/** Milliseconds that looks may take before others have their turn. */
const SLICE = 4;
/** The part of one core that looking at trees without limits may take; to come to them takes as much again. */
const SHARE = 0.003;
/** How many times as long as a look at a tree took the pause after it is at least. */
const REST = 10;
const JUDGED_REST = 3;
/** The part of one core that first looks may take: where few processes start at a time, they come when `EARLY` says. */
const EARLY_SHARE = 0.05;

/** Judges each sample of a tree, at once or later; returns the milliseconds after which it wants the next one, if it cares. */
export type Judge = (
	sample: TreeSample,
) => number | undefined | Promise<number | undefined>;

interface Watched {
	readonly process: ManagedProcess;
	readonly figures: Figures;
	readonly judge: Judge | undefined;
	looks: number;
	/** When the last look began, by the monotonic clock, and the milliseconds that it took, its judge's included. */
	lookedAt: number;
	cost: number;
	/** What was noted last, and at which age of the process. */
	noted: { readonly sample: TreeSample; readonly at: number } | undefined;
}

/** Looks at the trees of all processes in one loop, which runs while there is one, and remembers what it saw. */
export class Monitor {
	readonly #watched = new Set<Watched>();
	/** Whom to look at when; by milliseconds of the monotonic clock, in multiples of a grain. */
	readonly #due = new Map<number, Watched[]>();
	readonly #figures = new WeakMap<ManagedProcess, Figures>();
	#timer: ReturnType<typeof setTimeout> | undefined;
	#timerDue = Number.POSITIVE_INFINITY;
	#isLooking = false;
	/** Those of whom first looks are still to come. */
	readonly #young = new Set<Watched>();
	/** Milliseconds that a look at a tree without limits takes, on average. */
	#cost = 0;

	/** Follows a process until nothing of its tree lives. */
	watch(process: ManagedProcess, judge?: Judge): void {
		const entry: Watched = {
			process,
			figures: this.#figuresOf(process),
			judge,
			looks: 0,
			lookedAt: 0,
			cost: 0,
			noted: undefined,
		};
		this.#watched.add(entry);
		this.#young.add(entry);
		void process.gone.then(() => this.#forget(entry));
		this.#arm(this.#plan(entry, judge ? GRAIN : undefined));
	}

	/** The usage of a process's tree now, or, once it has ended, its totals. */
	async usage(process: ManagedProcess): Promise<Usage> {
		const figures = this.#figuresOf(process);
		const sample = await process.tree.sample();
		const { status } = process;
		const exit = status.state === "running" ? undefined : status.exit;
		return sample
			? figures.add(sample, process.age, exit)
			: figures.totals(exit, process.tree.totals?.());
	}

	/** The course of a process's use, oldest first. */
	history(process: ManagedProcess): Point[] {
		return this.#figuresOf(process).history();
	}

	#figuresOf(process: ManagedProcess): Figures {
		const figures = this.#figures.get(process) ?? new Figures();
		this.#figures.set(process, figures);
		return figures;
	}

	#forget(entry: Watched): void {
		this.#watched.delete(entry);
		this.#young.delete(entry);
		if (this.#watched.size > 0) return;
		this.#due.clear();
		clearTimeout(this.#timer);
		this.#timerDue = Number.POSITIVE_INFINITY;
	}

	async #turn(): Promise<void> {
		const due = this.#takeDue();
		while (due.length > 0) await turns.run(() => this.#lookAtSome(due));
	}

	#takeDue(): Watched[] {
		const now = performance.now();
		const due: Watched[] = [];
		for (const [time, entries] of this.#due) {
			if (time > now) continue;
			this.#due.delete(time);
			due.push(...entries.filter((entry) => this.#watched.has(entry)));
		}
		return due;
	}

	/** Takes as many as there is time for in one turn of the event loop, up to one that answers later. */
	#lookAtSome(due: Watched[]): Promise<void> | undefined {
		const start = performance.now();
		let end = start;
		for (let entry = due.pop(); entry; entry = due.pop()) {
			const later = this.#look(entry);
			if (later) return later;
			const before = end;
			end = performance.now();
			if (!entry.judge) this.#cost += (end - before - this.#cost) / 100;
			if (end - start > SLICE) break;
		}
		return undefined;
	}

	/** A look that fails is a look that saw nothing. */
	#look(entry: Watched): Promise<void> | undefined {
		entry.lookedAt = performance.now();
		try {
			const answer = entry.process.tree.sample();
			if (!(answer instanceof Promise)) {
				this.#take(entry, answer);
				return undefined;
			}
			return answer
				.catch(() => undefined)
				.then((sample) => this.#take(entry, sample));
		} catch {
			this.#take(entry, undefined);
			return undefined;
		}
	}

	#take(entry: Watched, sample: TreeSample | undefined): void {
		entry.looks++;
		if (sample) this.#note(entry, sample);
		const wanted = sample && entry.judge?.(sample);
		const plan = (pause: number | undefined) => {
			entry.cost = performance.now() - entry.lookedAt;
			return this.#plan(entry, pause);
		};
		if (!(wanted instanceof Promise)) {
			plan(wanted);
			return;
		}
		// Nobody else waits for it.
		void wanted.catch(() => undefined).then((pause) => this.#arm(plan(pause)));
	}

	/** A tree that did nothing since is noted no more often than one without limits. */
	#note(entry: Watched, sample: TreeSample): void {
		const { noted, process, figures } = entry;
		const at = process.age;
		if (noted?.sample === sample && at - noted.at < INTERVAL - COARSE_GRAIN)
			return;
		entry.noted = { sample, at };
		figures.note(sample, at);
	}

	/**
	 * @param wanted milliseconds to the next look; undefined for the usual time
	 * @returns when that is
	 */
	#plan(entry: Watched, wanted: number | undefined): number {
		const now = performance.now();
		const { age } = entry.process;
		const early = EARLY.find((each) => each > age + GRAIN / 2);
		if (early === undefined && entry.looks >= FEWEST_EARLY)
			this.#young.delete(entry);
		const isYoung = this.#young.has(entry);
		const pause = isYoung
			? Math.max(
					GRAIN,
					(early ?? age) - age,
					(this.#cost * this.#young.size) / EARLY_SHARE,
				)
			: Math.max(INTERVAL, (this.#cost * this.#watched.size) / SHARE);
		const chosen = Math.max(
			Math.min(pause, wanted ?? pause),
			entry.cost * (entry.judge ? JUDGED_REST : REST),
		);
		const grain =
			chosen >= (isYoung ? INTERVAL : COARSE_GRAIN) ? COARSE_GRAIN : GRAIN;
		// To the nearest: always later would double a pause of one grain.
		const time = Math.round((now + chosen) / grain) * grain;
		const others = this.#due.get(time);
		if (others) others.push(entry);
		else this.#due.set(time, [entry]);
		return time;
	}

	/** A turn under way arms the timer at its end. */
	#arm(due: number): void {
		if (this.#isLooking || due >= this.#timerDue) return;
		clearTimeout(this.#timer);
		this.#timerDue = due;
		const pause = Math.max(1, due - performance.now());
		this.#timer = setTimeout(() => {
			this.#isLooking = true;
			void this.#turn().finally(() => {
				this.#isLooking = false;
				this.#timerDue = Number.POSITIVE_INFINITY;
				this.#arm(this.#nextDue());
			});
		}, pause);
	}

	#nextDue(): number {
		return Math.min(...this.#due.keys());
	}
}
