import { CountersFile } from "./counters-file.ts";
import { hasEnded, type ProcStat } from "./procfs.ts";

/** Members of a tree without a control group that are worth a file each. */
const MOST_MEMBERS = 8;
/** Milliseconds after which a tree is looked at again that did nothing: the kernel may have taken memory from it. */
const LONGEST_STILLNESS = 600_000;
/** Milliseconds after which a look surely shares nothing with the one before it. */
const SHORTEST_STILLNESS = 10;

/**
 * Whether anything ran of all trees that have control groups: below one folder, so
 * that one file tells of all of them.
 */
export class AllActivity {
	#counters: CountersFile | undefined;
	#epoch = 0;
	#isOfThisTurn = false;

	constructor(private readonly directory: string) {}

	/** A number that is another one whenever something ran since it was asked for in an earlier turn of the event loop. */
	get epoch(): number {
		if (this.#isOfThisTurn) return this.#epoch;
		this.#counters ??= CountersFile.open(`${this.directory}/cpu.stat`);
		if (!this.#counters?.areSame()) this.#epoch++;
		this.#isOfThisTurn = true;
		setImmediate(() => {
			this.#isOfThisTurn = false;
		});
		return this.#epoch;
	}

	close(): void {
		this.#counters?.close();
		this.#counters = undefined;
	}
}

/**
 * Tells whether anything of a tree has run since it was looked at, at a fraction of
 * a look's cost: what did not run did not change. The kernel counts the time that
 * a control group ran, to the microsecond (cpu.stat), and how often a thread was
 * put on a processor (/proc/PID/schedstat). Of a tree that neither covers, nobody
 * can tell, and it is looked at.
 */
export class Activity {
	#group: CountersFile | undefined;
	#members = new Map<number, CountersFile>();
	#isCovered = false;
	/** Whether the look to come, or an earlier one, surely saw all that was there when nothing ran any more. */
	#isConfirmed = false;
	/** When something was last found to have run; milliseconds of the monotonic clock. */
	#ranAt = Number.NEGATIVE_INFINITY;
	/** When it was last looked at; milliseconds of the monotonic clock. */
	#at = Number.NEGATIVE_INFINITY;
	/** Of all trees, when this one's files were read. */
	#epoch = -1;

	/**
	 * @param group the folder of its control group
	 * @param all of all trees that have one; to be given with `group`
	 */
	constructor(
		private readonly group: string | undefined,
		private readonly all: AllActivity | undefined,
	) {}

	/**
	 * Whether nothing ran since a look; where false, one is to follow, and then
	 * `cover`. After something ran two looks are needed: the first one may share what
	 * was seen of orphans a little before it.
	 */
	isStill(): boolean {
		if (!this.#isCovered) return false;
		const now = performance.now();
		if (this.#hasRun()) {
			this.#ranAt = now;
			this.#isConfirmed = false;
			return false;
		}
		if (this.#isConfirmed) return now - this.#at < LONGEST_STILLNESS;
		this.#isConfirmed = now - this.#ranAt > SHORTEST_STILLNESS;
		return false;
	}

	#hasRun(): boolean {
		if (this.#group && this.all) {
			const { epoch } = this.all;
			if (epoch === this.#epoch) return false;
			this.#epoch = epoch;
			return !this.#group.areSame();
		}
		let ran = false;
		// All are asked, as each remembers what it said.
		for (const counters of this.#members.values())
			if (!counters.areSame()) ran = true;
		return ran;
	}

	/**
	 * Takes in what a look saw.
	 *
	 * @param inGroup pids that the control group listed
	 */
	cover(members: readonly ProcStat[], inGroup: ReadonlySet<number>): void {
		this.#at = performance.now();
		const living = members.filter((member) => !hasEnded(member));
		// A member that has left the group runs uncounted there.
		const isInGroup =
			this.group !== undefined &&
			living.length > 0 &&
			living.every(({ pid }) => inGroup.has(pid));
		if (isInGroup && this.#coverGroup()) return;
		this.#closeGroup();
		this.#isCovered = this.#coverMembers(living);
		if (!this.#isCovered) this.#closeMembers();
	}

	#coverGroup(): boolean {
		this.#closeMembers();
		if (this.#group?.isGone) this.#closeGroup();
		if (!this.#group) {
			this.#group = CountersFile.open(`${this.group}/cpu.stat`);
			this.#epoch = -1;
		}
		this.#isCovered = this.#group !== undefined;
		return this.#isCovered;
	}

	#coverMembers(living: readonly ProcStat[]): boolean {
		const isCoverable =
			living.length > 0 &&
			living.length <= MOST_MEMBERS &&
			living.every(({ threads, isHidden }) => threads === 1 && !isHidden);
		if (!isCoverable) return false;
		const pids = new Set(living.map(({ pid }) => pid));
		for (const [pid, counters] of this.#members) {
			if (pids.has(pid) && !counters.isGone) continue;
			counters.close();
			this.#members.delete(pid);
		}
		for (const pid of pids) {
			if (this.#members.has(pid)) continue;
			const counters = CountersFile.open(`/proc/${pid}/schedstat`);
			if (!counters) return false;
			this.#members.set(pid, counters);
		}
		return true;
	}

	#closeGroup(): void {
		this.#group?.close();
		this.#group = undefined;
	}

	#closeMembers(): void {
		for (const counters of this.#members.values()) counters.close();
		this.#members.clear();
	}

	/** To be called once nobody asks any more. */
	close(): void {
		this.#isCovered = false;
		this.#closeGroup();
		this.#closeMembers();
	}
}
