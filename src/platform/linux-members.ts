import type { Adoptions, Age, Family } from "./adoption.ts";
import type { Cgroup } from "./cgroup.ts";
import {
	allProcesses,
	childrenOf,
	hasEnded,
	hiddenStat,
	type ProcStat,
	readIo,
	readStat,
} from "./procfs.ts";
import { sendSignal } from "./signal.ts";

/** By what members are found that /proc does not show below the leader. */
export interface Ties {
	readonly adoptions: Adoptions;
	/** What members inherited; see `Tags`. */
	readonly tag: number | undefined;
	readonly cgroup: Cgroup | undefined;
}

/** A process that was reaped, as it was at its end. */
export interface Buried extends ProcStat {
	readonly io: ReturnType<typeof readIo>;
}

/** Members that make a crowd. */
const CROWD = 32;

/**
 * The members of a tree: the leader, its descendants, those of its session and of its
 * control group, and the orphans that this process adopted from it.
 */
export class Members implements Family {
	readonly #followed = new Map<number, number>();
	#seen: readonly ProcStat[] = [];
	#inGroup: ReadonlySet<number> = new Set();
	/** Orphans that were reaped since the last look. */
	#buried: Buried[] = [];
	#startTime: number | undefined;

	/** @param ties undefined where this process adopts no orphans */
	constructor(
		readonly leader: number,
		private readonly ties: Ties | undefined,
	) {
		// Not here: of a process within execve(2) the kernel has who asks wait.
		setImmediate(() => {
			try {
				this.#meetLeader();
			} catch {
				// This process is out of descriptors: who looks next meets it.
			}
		});
		ties?.adoptions.addFamily(this);
	}

	/** Of the leader; never, where it was gone at once. */
	get startTime(): number {
		return this.#meetLeader();
	}

	#meetLeader(): number {
		if (this.#startTime === undefined) {
			// Once it is reaped, its pid may be another one's.
			const isOurs = this.ties?.adoptions.owns(this.leader) ?? true;
			const stat = isOurs ? readStat(this.leader) : undefined;
			if (stat) this.#followed.set(stat.pid, stat.startTime);
			this.#startTime = stat?.startTime ?? Number.POSITIVE_INFINITY;
		}
		return this.#startTime;
	}

	/** Start times by pid, of those that lived at the last look; at first, of the leader. */
	get #known(): Map<number, number> {
		this.#meetLeader();
		return this.#followed;
	}

	get tag(): number | undefined {
		return this.ties?.tag;
	}

	/** Every member of the last look, also those that have ended and wait to be reaped. */
	get seen(): readonly ProcStat[] {
		return this.#seen;
	}

	/** Pids of those that lived at the last look. */
	get known(): readonly number[] {
		return [...this.#known.keys()];
	}

	hasSeen(pid: number): boolean {
		return this.#known.has(pid);
	}

	bury(stat: ProcStat): void {
		this.#buried.push({ ...stat, io: readIo(stat.pid) });
	}

	/** Orphans that were reaped since this was last asked, as they were at their end. */
	takeBuried(): readonly Buried[] {
		const buried = this.#buried;
		this.#buried = [];
		return buried;
	}

	forget(): void {
		this.#seen = [];
		this.ties?.adoptions.removeFamily(this);
	}

	/**
	 * Every living member.
	 *
	 * @param listed pids that the control group lists at this moment
	 * @param onCrowd called once where there are more than 32, before the others are
	 *   looked at: a tree can grow into a crowd meanwhile, and then has the processors
	 * @throws Error where that can't be known; see `look`
	 */
	living(
		age: Age,
		listed = this.ties?.cgroup?.members(),
		onCrowd: () => void = () => {},
	): readonly ProcStat[] {
		const isCrowd = listed !== undefined && listed.length > CROWD;
		if (isCrowd) onCrowd();
		const orphans = this.#orphans(age);
		for (const stat of orphans) this.#remember(stat);
		this.#rememberGroup(listed);
		this.#seen = this.#descendants(orphans, isCrowd ? undefined : onCrowd);
		const found = this.#seen.filter((stat) => !hasEnded(stat));
		// An orphan that ended since the look of this moment keeps its pid until the
		// next one, and has perhaps left another one: the tree lives.
		const living = found.length > 0 || age !== "now" ? found : orphans;
		this.#known.clear();
		// One that has ended is followed until it is reaped, so as to count once.
		for (const stat of [...this.#seen, ...living]) this.#remember(stat);
		return living;
	}

	#remember({ pid, startTime }: ProcStat): void {
		this.#known.set(pid, startTime);
	}

	/** Pids that the control group listed at the last look. */
	get inGroup(): ReadonlySet<number> {
		return this.#inGroup;
	}

	/** What is in the control group was put there, or forked by one that was. */
	#rememberGroup(pids: readonly number[] | undefined): void {
		this.#inGroup = new Set(pids);
		for (const pid of this.#inGroup) {
			const stat = this.#known.has(pid) ? undefined : readStat(pid);
			if (stat) this.#remember(stat);
		}
	}

	/**
	 * Those that were seen before, the leader first of all, and their descendants: each
	 * after its parent, so that one that ends meanwhile is missing in the look, and not
	 * in it twice, as itself and in what its parent has waited for; see `Totals`.
	 */
	#descendants(
		orphans: readonly ProcStat[],
		onCrowd: (() => void) | undefined,
	): ProcStat[] {
		const found = new Map<number, ProcStat>();
		const hidden = this.#hiddenOnes(orphans);
		for (const stat of hidden) found.set(stat.pid, stat);
		const queue = [...this.#known.keys()];
		const listed = new Set<number>();
		// What is found is looked at after all that was known.
		for (const pid of queue) {
			if (found.has(pid)) continue;
			const stat =
				readStat(pid) ?? (listed.has(pid) ? hiddenStat(pid) : undefined);
			if (!stat || !this.#isOurs(stat)) continue;
			found.set(pid, stat);
			if (found.size === CROWD + 1) onCrowd?.();
			for (const child of childrenOf(pid, stat.threads)) {
				listed.add(child);
				queue.push(child);
			}
		}
		return [...found.values()];
	}

	/** Children of this process that /proc does not show; their pids are theirs until they are reaped. */
	#hiddenOnes(orphans: readonly ProcStat[]): ProcStat[] {
		const hidden = orphans.filter(({ isHidden }) => isHidden);
		const ownsLeader = this.ties?.adoptions.owns(this.leader) ?? false;
		const leader =
			ownsLeader && !readStat(this.leader)
				? hiddenStat(this.leader)
				: undefined;
		return leader ? [...hidden, leader] : hidden;
	}

	/** A member started no earlier than the leader; one that did has only inherited a pid. */
	#isOurs(stat: ProcStat): boolean {
		if (stat.isHidden) return true;
		const known = this.#known.get(stat.pid);
		return known === undefined
			? stat.startTime >= this.startTime
			: known === stat.startTime;
	}

	/** Members that have lost their parents. */
	#orphans(age: Age): readonly ProcStat[] {
		if (this.ties) return this.ties.adoptions.of(this, age);
		// Without adoption they can only be found by looking at all processes,
		// which is worth it once the leader has ended and its group has not.
		const stat = readStat(this.leader);
		const leaderLives = stat !== undefined && !hasEnded(stat);
		if (leaderLives || !sendSignal(-this.leader, 0)) return [];
		return allProcesses().filter(
			// Those that have ended are for whoever adopted them to reap, at leisure.
			(each) =>
				each.session === this.leader && !hasEnded(each) && this.#isOurs(each),
		);
	}
}
