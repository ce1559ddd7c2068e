/** What one look tells of a process; counters only grow, but for what it waited for see there. */
export interface Count {
	readonly pid: number;
	/** With the pid it names one process for good. */
	readonly startTime: number;
	readonly parent: number;
	/** Of the process itself. */
	readonly own: number;
	/** Of the children that it waited for, and of theirs. */
	readonly waited: number;
}

/**
 * Adds up what a tree has used since its start, from looks at those of its members
 * that live. A plain sum of theirs would fall when a child ends, until its parent
 * waits for it (then the child's count is added to the parent's), and for good when
 * nobody does; one that ended between two looks, seen by none, would count only then.
 */
export class Totals {
	#total = 0;
	#members: ReadonlyMap<number, Count> = new Map();
	/**
	 * Credit that a parent has from the last look: it was read before it waited
	 * for a child that was gone when its own turn came.
	 */
	#owed: ReadonlyMap<number, number> = new Map();

	get value(): number {
		return this.#total;
	}

	/** Takes in a look at all members, those that ended and nobody has waited for included. */
	add(members: readonly Count[]): number {
		const now = new Map(members.map((member) => [member.pid, member]));
		const credit = this.#credit(now);
		const left = new Map<number, number>();
		for (const member of members) {
			const { pid } = member;
			const earlier = this.#members.get(pid);
			const known =
				earlier?.startTime === member.startTime ? earlier : undefined;
			const own = member.own - (known?.own ?? 0);
			const waited = Math.max(0, member.waited - (known?.waited ?? 0));
			// What was counted while the child lived comes again with its parent's wait.
			const fresh = credit.get(pid) ?? 0;
			const due = (this.#owed.get(pid) ?? 0) + fresh;
			const paid = Math.min(waited, due);
			if (fresh > 0 && paid < due) left.set(pid, Math.min(fresh, due - paid));
			this.#total += Math.max(0, own) + waited - paid;
		}
		this.#members = now;
		this.#owed = left;
		return this.#total;
	}

	/** What was counted of members that are gone, by the pid of who must have waited for them. */
	#credit(now: ReadonlyMap<number, Count>): ReadonlyMap<number, number> {
		const credit = new Map<number, number>();
		for (const gone of this.#members.values()) {
			if (now.get(gone.pid)?.startTime === gone.startTime) continue;
			const heir = this.#heir(gone, now);
			if (heir !== undefined)
				credit.set(heir, (credit.get(heir) ?? 0) + gone.own + gone.waited);
		}
		return credit;
	}

	/** The nearest ancestor that is still there. */
	#heir(gone: Count, now: ReadonlyMap<number, Count>): number | undefined {
		let parent = gone.parent;
		for (let step = 0; step < this.#members.size; step++) {
			if (now.has(parent)) return parent;
			const next = this.#members.get(parent);
			if (!next) return undefined;
			parent = next.parent;
		}
		return undefined;
	}
}

/** What one look tells of a process on a system where nobody waits for children. */
export type Seen = Pick<Count, "pid" | "startTime">;

/**
 * A counter of a tree where a process's own end tells nobody what it used: each
 * member's stays counted as it was seen last.
 */
export class Counter {
	readonly #totals = new Totals();
	#value = 0;

	/** @param counted what the system has counted itself, where it does */
	add<Look extends Seen>(
		looks: readonly Look[],
		of: (look: Look) => number,
		counted = 0,
	): number {
		const seen = this.#totals.add(
			looks.map((look) => ({
				pid: look.pid,
				startTime: look.startTime,
				parent: 0,
				own: of(look),
				waited: 0,
			})),
		);
		this.#value = Math.max(this.#value, seen, counted);
		return this.#value;
	}
}
