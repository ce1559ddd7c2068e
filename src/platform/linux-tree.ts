import { ptr } from "bun:ffi";
import type { LimitName } from "../security/resources.ts";
import { Activity, type AllActivity } from "./activity.ts";
import type { Cgroup } from "./cgroup.ts";
import { type Bounds, Confinement } from "./confinement.ts";
import type { openLinuxLibc } from "./ffi.ts";
import { Counters } from "./linux-counters.ts";
import type { InputWatch } from "./linux-input.ts";
import { Members, type Ties } from "./linux-members.ts";
import {
	type MemoryEyes,
	proportionalBytes,
	residentBytes,
} from "./linux-memory.ts";
import type { Signal, Tree, TreeSample, TreeTotals } from "./platform.ts";
import {
	countDescriptors,
	hasEnded,
	listeningPorts,
	type ProcStat,
	readPeakSize,
	readStat,
	socketsOf,
} from "./procfs.ts";
import { sendSignal } from "./signal.ts";
import { Seen, Sleep } from "./sleep.ts";

const RLIMIT_NOFILE = 7;
/** Milliseconds in which the leader has surely got memory of its own, which it shares with this process at first. */
const NEW = 1000;

/** What a tree is looked at with. */
export interface Eyes extends MemoryEyes {
	readonly libc: ReturnType<typeof openLinuxLibc>;
}

/** What holds a tree together beyond what /proc tells of it. */
export interface Bonds extends Ties, Bounds {
	/** Of all trees that have control groups. */
	readonly activity: AllActivity | undefined;
}

/** A tree found in /proc. */
export class LinuxTree implements Tree {
	readonly #members: Members;
	readonly #counters = new Counters();
	#cgroupSeconds = 0;
	readonly #activity: Activity;
	readonly #confinement: Confinement;
	readonly #sleep = new Sleep();
	readonly #sockets = new Seen<ReadonlySet<string> | undefined>();
	readonly #reader = new Seen<number | undefined>();
	#last: TreeSample | undefined;
	readonly #since = performance.now();
	#isFrozen = false;
	/** Where nobody lives, nobody is born. */
	#isGone = false;

	/** @param bonds undefined where this process adopts no orphans */
	constructor(
		readonly leader: number,
		private readonly input: InputWatch,
		private readonly eyes: Eyes,
		private readonly bonds: Bonds | undefined,
	) {
		this.#members = new Members(leader, bonds);
		this.#activity = new Activity(bonds?.cgroup?.directory, bonds?.activity);
		this.#confinement = new Confinement(bonds);
	}

	get isGrouped(): boolean {
		return this.bonds?.cgroup !== undefined;
	}

	forget(): void {
		this.#members.forget();
		this.#activity.close();
		this.#sleep.close();
		this.#count();
		this.bonds?.cgroup?.remove();
		this.#confinement.remove();
	}

	enforcedBy(name: LimitName): string | undefined {
		return this.#confinement.enforcedBy(name);
	}

	get isThrottled(): boolean {
		return this.#confinement.isThrottled;
	}

	wasOutOfMemory(): "limit" | "system" | undefined {
		return this.#confinement.wasOutOfMemory();
	}

	forbidForks(): void {
		this.#confinement.forbidForks();
	}

	signal(...signals: readonly Signal[]): void {
		if (this.#isGone) return;
		const cgroup = this.bonds?.cgroup;
		// First, and without a look: it reaches what forks faster than it is seen.
		if (signals.includes("SIGKILL")) cgroup?.kill();
		const { singly, inGroup } = this.#targets();
		if (cgroup && signals.every((signal) => signal === "SIGSTOP")) {
			this.#freeze(cgroup);
			return;
		}
		// What is frozen gets no signal but SIGKILL.
		if (this.#isFrozen) cgroup?.freeze(false);
		this.#isFrozen = false;
		for (const signal of signals) {
			// The kernel keeps a pid from being used again while it names a group.
			if (inGroup) sendSignal(-this.leader, signal);
			for (const pid of singly) sendSignal(pid, signal);
		}
	}

	/** Who gets a signal with the group, and who singly. */
	#targets(): {
		readonly singly: readonly number[];
		readonly inGroup: boolean;
	} {
		const living = this.#look();
		if (!living) {
			// Who can't look signals whom it can be sure of: the pid of a child that
			// was not reaped names its group.
			const isOurs = this.bonds?.adoptions.owns(this.leader) ?? false;
			return { singly: [], inGroup: isOurs };
		}
		const isInGroup = ({ group }: ProcStat) => group === this.leader;
		return {
			singly: living.filter((stat) => !isInGroup(stat)).map(({ pid }) => pid),
			inGroup: living.some(isInGroup),
		};
	}

	/** Pauses members so that no shell among them takes it for the end of a job. */
	#freeze(cgroup: Cgroup): void {
		if (!this.#isFrozen) cgroup.freeze(true);
		this.#isFrozen = true;
		const inside = new Set(cgroup.members());
		for (const pid of this.#members.known)
			if (!inside.has(pid)) sendSignal(pid, "SIGSTOP");
	}

	hasLeaderEnded(): boolean {
		const stat = readStat(this.leader);
		if (stat)
			return hasEnded(stat) || stat.startTime !== this.#members.startTime;
		// One that /proc hides may live.
		const isOurs = this.bonds?.adoptions.owns(this.leader) ?? false;
		return !isOurs || !sendSignal(this.leader, 0);
	}

	alive(): readonly number[] {
		this.#isGone ||= this.#isDeserted();
		if (this.#isGone) return [];
		const pids = (living: readonly ProcStat[] | undefined) =>
			living?.map(({ pid }) => pid) ?? [this.leader];
		const alive = pids(this.#look());
		if (alive.length > 0) return alive;
		// A process that lost its parent since the last look at orphans is in
		// neither place; to be gone is to be in neither of this moment.
		const late = pids(this.#look("now"));
		if (late.length > 0) return late;
		return this.#unlisted();
	}

	/**
	 * Whether the short way shows that nothing lives, as it does where a process has
	 * left nothing behind: nobody is in the group and, looked at after that, nobody
	 * at all was left to this process, as the parents of whoever left the group were
	 * in it.
	 */
	#isDeserted(): boolean {
		const { cgroup, adoptions } = this.bonds ?? {};
		if (!cgroup || !adoptions || adoptions.owns(this.leader)) return false;
		try {
			return cgroup.isEmpty && adoptions.all().length === 0;
		} catch {
			return false;
		}
	}

	/** Members that live and that no look has caught. */
	#unlisted(): readonly number[] {
		try {
			const { cgroup } = this.bonds ?? {};
			this.#isGone = !cgroup?.isPopulated;
			if (this.#isGone) return [];
			// It forks and ends faster than its members can be looked at.
			const listed = cgroup?.members() ?? [];
			return listed.length > 0 ? listed : [this.leader];
		} catch {
			return [this.leader];
		}
	}

	/** Undefined where nothing can be seen, which says nothing about who lives. */
	#look(age: "turn" | "now" = "turn"): readonly ProcStat[] | undefined {
		try {
			return this.#members.living(age);
		} catch {
			return undefined;
		}
	}

	totals(): TreeTotals {
		const { ticksPerSecond } = this.eyes.units;
		const { cpuTicks, read, written } = this.#counters;
		return {
			cpuSeconds: Math.max(cpuTicks / ticksPerSecond, this.#cgroupSeconds),
			ioReadBytes: read,
			ioWriteBytes: written,
		};
	}

	sample(): TreeSample | undefined {
		if (this.#isGone) return undefined;
		if (this.#last && this.#activity.isStill()) return this.#last;
		this.#last = this.#measure();
		return this.#last;
	}

	#measure(): TreeSample | undefined {
		const listed = this.bonds?.cgroup?.members() ?? [];
		const crowd = this.#confinement.crowd(listed.length, this.#last, () =>
			this.totals(),
		);
		if (crowd) return crowd;
		const members = this.#members.living("turn", listed, () =>
			this.#confinement.shareOut(),
		);
		this.#count();
		this.#activity.cover(this.#members.seen, this.#members.inGroup);
		if (members.length === 0) return undefined;
		const peaks = members.map(({ pid }) => readPeakSize(pid) ?? 0);
		return {
			processCount: members.length,
			threadCount: members.reduce((sum, { threads }) => sum + threads, 0),
			...this.totals(),
			memoryBytes: residentBytes(members, this.eyes, this.#newLeader),
			peakMemoryBytes: Math.max(0, ...peaks),
		};
	}

	/** The leader, while it may still have this process's memory. */
	get #newLeader(): number | undefined {
		return performance.now() - this.#since < NEW ? this.leader : undefined;
	}

	#count(): void {
		this.#counters.add(this.#members.seen, this.#members.takeBuried());
		const seconds = this.bonds?.cgroup?.cpuSeconds ?? 0;
		this.#cgroupSeconds = Math.max(this.#cgroupSeconds, seconds);
	}

	proportionalMemory(): Iterable<number> {
		return proportionalBytes(this.#members.living("turn"), this.eyes);
	}

	limitDescriptors(count: number): void {
		// struct rlimit64 { rlim_cur, rlim_max }, getrlimit(2).
		const limit = new BigUint64Array([BigInt(count), BigInt(count)]);
		for (const pid of this.alive())
			this.eyes.libc.prlimit(pid, RLIMIT_NOFILE, ptr(limit), null);
	}

	openDescriptors(): number {
		return Math.max(0, ...this.alive().map(countDescriptors));
	}

	listeningPorts(): readonly number[] | undefined {
		const pids = this.#present();
		const since = this.#sleep.since(pids);
		const sockets = this.#sockets.get(since, () => socketsOf(pids));
		return sockets && listeningPorts(sockets, pids[0]);
	}

	inputReader(): number | undefined {
		const pids = this.#present();
		const since = this.input.isTerminal ? undefined : this.#sleep.since(pids);
		return this.#reader.get(since, () => this.input.reader(pids));
	}

	/** Who is there, without another look where nothing has run since the last one. */
	#present(): readonly number[] {
		try {
			this.sample();
			return this.#isGone ? [] : this.#members.known;
		} catch {
			return [this.leader];
		}
	}
}
