import {
	childrenOfMainThread,
	hasEnded,
	hiddenStat,
	type ProcStat,
	readStat,
} from "./procfs.ts";

/** How old a look may be: none, or of this turn of the event loop. */
export type Age = "now" | "turn";

/** What is known of a tree that an orphan may belong to. */
export interface Family {
	readonly leader: number;
	/** What its members inherited; see `Tags`. */
	readonly tag: number | undefined;
	/** Whether a process of this pid was seen in the tree. */
	hasSeen(pid: number): boolean;
	/** Hears of an orphan of its own that has ended and is about to be reaped. */
	bury(stat: ProcStat): void;
}

/** Milliseconds in which a tree that forks and ends faster than it is looked at is looked at again, at most. */
const LONGEST_CHASE = 20;
/** How often a tree that forks and ends faster than it is looked at is looked at again. */
const MOST_LOOKS = 50;

/**
 * The orphans that this process, a subreaper (prctl(2)), becomes the parent of:
 * what a child started and left behind, in whatever session it put itself.
 */
export class Adoptions {
	/**
	 * The children that this process started itself and that aren't reaped yet. A
	 * pid may come again before it is heard that the one before it was reaped.
	 */
	readonly #own = new Map<number, number>();
	/** How many orphans of each family were found to have ended. */
	readonly #ended = new WeakMap<Family, number>();
	/** The family of each orphan, by its pid; undefined where none can be told. */
	readonly #orphans = new Map<
		number,
		{ readonly startTime: number; readonly family: Family | undefined }
	>();
	readonly #families = new Set<Family>();
	#private: number | undefined;
	/** The process of that session, as last seen: until another one comes in its place there is nothing new about it. */
	#guard: number | undefined;
	/** Children that this process had before it was a server: what a shell had started that then became it. */
	readonly #strangers = new Set(childrenOfMainThread(process.pid));
	/** What the last look saw. */
	#last: readonly ProcStat[] = [];
	#isOfThisTurn = false;
	#reaped = 0;

	/**
	 * @param wait reaps one child by its pid if it has ended, without waiting for it
	 * @param tagOf the tag that a process inherited
	 */
	constructor(
		private readonly wait: (pid: number) => boolean,
		private readonly tagOf: (pid: number) => number | undefined,
	) {}

	/** Notes a child that this process started, which is not an orphan and not ours to reap. */
	register(pid: number): void {
		this.#own.set(pid, (this.#own.get(pid) ?? 0) + 1);
	}

	/** Whether a child of this process's own was not reaped yet, so that its pid is its own. */
	owns(pid: number): boolean {
		return this.#own.has(pid);
	}

	/** To be called once such a child was reaped, as its pid may come again. */
	unregister(pid: number): void {
		const count = (this.#own.get(pid) ?? 0) - 1;
		if (count > 0) this.#own.set(pid, count);
		else this.#own.delete(pid);
	}

	/** Keeps a session of this process's own, its guard's, out of all this. */
	keepOut(session: number): void {
		this.#private = session;
	}

	/** Takes a tree into account when orphans come. */
	addFamily(family: Family): void {
		this.#families.add(family);
	}

	/** Forgets a tree of which nothing lives. */
	removeFamily(family: Family): void {
		this.#families.delete(family);
	}

	/**
	 * The orphans of a tree that live. With a thousand children each look takes its
	 * time, so that an earlier one has to do where it can.
	 *
	 * @param age how old the look may be
	 */
	of(family: Family, age: Age): ProcStat[] {
		if (age === "now") return this.#chase(family);
		if (!this.#isOfThisTurn) this.#look();
		return this.#lastOf(family);
	}

	/**
	 * Looks again while one that ended may have left another one, which is on the next list.
	 *
	 * @throws Error where it goes on like that for too long to know
	 */
	#chase(family: Family): ProcStat[] {
		const end = performance.now() + LONGEST_CHASE;
		for (let tries = MOST_LOOKS; ; tries--) {
			const before = this.#ended.get(family);
			this.#look();
			const living = this.#lastOf(family);
			const moved = this.#ended.get(family) !== before;
			if (living.length > 0 || !moved) return living;
			if (tries === 0 || performance.now() > end)
				throw new Error("a tree forks faster than it can be looked at");
		}
	}

	#lastOf(family: Family): ProcStat[] {
		return this.#last.filter(
			({ pid }) => this.#orphans.get(pid)?.family === family,
		);
	}

	/** Every orphan that lives. */
	all(): readonly ProcStat[] {
		return this.#look();
	}

	/** Looks at this process's children, reaps the orphans that ended, and finds the families of new ones. */
	#look(): readonly ProcStat[] {
		const living: ProcStat[] = [];
		for (const pid of childrenOfMainThread(process.pid)) {
			// Most children are this process's own, and there may be a thousand.
			if (this.#own.has(pid) || this.#strangers.has(pid)) continue;
			if (pid === this.#guard) continue;
			const shown = readStat(pid);
			// One that /proc hides is asked about by trying to reap it.
			const stat = shown ?? (this.wait(pid) ? undefined : hiddenStat(pid));
			if (!stat) continue;
			if (hasEnded(stat)) this.#reap(stat);
			else if (stat.session === this.#private) this.#guard = pid;
			else living.push(stat);
		}
		this.#recognize(living);
		if (!this.#isOfThisTurn)
			setImmediate(() => {
				this.#isOfThisTurn = false;
			});
		this.#isOfThisTurn = true;
		this.#last = living;
		return living;
	}

	#reap(stat: ProcStat): void {
		const known = this.#orphans.get(stat.pid);
		const family = known ? known.family : this.#byTag(this.tagOf(stat.pid));
		family?.bury(stat);
		if (!this.wait(stat.pid)) return;
		this.#reaped++;
		if (family) this.#ended.set(family, (this.#ended.get(family) ?? 0) + 1);
	}

	/** How many orphans have ended and been reaped so far. */
	get reaped(): number {
		return this.#reaped;
	}

	#recognize(living: readonly ProcStat[]): void {
		if (this.#orphans.size > 0) {
			const pids = new Set(living.map(({ pid }) => pid));
			for (const pid of this.#orphans.keys())
				if (!pids.has(pid)) this.#orphans.delete(pid);
		}
		for (const stat of living) {
			const { pid, startTime } = stat;
			if (this.#orphans.get(pid)?.startTime !== startTime)
				this.#orphans.set(pid, { startTime, family: this.#familyOf(stat) });
		}
	}

	/** Whose orphan it is: by what it inherited, by session or group, or by having been seen. */
	#familyOf({ pid, session, group }: ProcStat): Family | undefined {
		const families = [...this.#families];
		return (
			this.#byTag(this.tagOf(pid)) ??
			families.find(({ leader }) => leader === session || leader === group) ??
			families.find((family) =>
				[pid, session, group].some((id) => family.hasSeen(id)),
			)
		);
	}

	#byTag(tag: number | undefined): Family | undefined {
		if (tag === undefined) return undefined;
		for (const family of this.#families) if (family.tag === tag) return family;
		return undefined;
	}
}
