import { ptr } from "bun:ffi";
import { ENFORCED_BY_SERVER, type LimitName } from "../security/resources.ts";
import type { Adoptions, Age, Family } from "./adoption.ts";
import type { Cgroup } from "./cgroup.ts";
import type { LimitGroup } from "./cgroup-limits.ts";
import type { openLinuxLibc } from "./ffi.ts";
import { Counters } from "./linux-counters.ts";
import type { OomWatch } from "./oom.ts";
import type { Signal, Tree, TreeSample } from "./platform.ts";
import {
	allProcesses,
	childrenOf,
	countDescriptors,
	hasEnded,
	listeningPorts,
	type ProcStat,
	readPeakSize,
	readProportionalSize,
	readStat,
} from "./procfs.ts";
import { sendSignal } from "./signal.ts";

const RLIMIT_NOFILE = 7;
/** What holds a tree to its limits where no control group does. */
const ENFORCED_BY: Readonly<Record<LimitName, string>> = {
	...ENFORCED_BY_SERVER,
	maxFileDescriptors: "the kernel (RLIMIT_NOFILE)",
};

type Libc = ReturnType<typeof openLinuxLibc>;

/** The kernel's units of time and memory. */
interface Units {
	readonly ticksPerSecond: number;
	readonly pageSize: number;
}

/** What a tree is looked at with. */
export interface Eyes {
	readonly libc: Libc;
	readonly units: Units;
}

/** What holds a tree together beyond what /proc tells of it. */
export interface Bonds {
	readonly adoptions: Adoptions;
	/** What its members inherited; see `Tags`. */
	readonly tag: number | undefined;
	readonly cgroup: Cgroup | undefined;
	/** Where the kernel holds it to its limits; undefined where it has none. */
	readonly limits: LimitGroup | undefined;
	readonly oom: OomWatch;
}

/**
 * A tree found in /proc: the leader, its descendants, the members of its session
 * and of its control group, and the orphans that this process adopted from it.
 */
export class LinuxTree implements Tree, Family {
	/** Start times by pid, of every member seen so far. */
	readonly #known = new Map<number, number>();
	/** Every member of the last look, also those that have ended and wait to be reaped. */
	#seen: readonly ProcStat[] = [];
	readonly #counters = new Counters();
	#isFrozen = false;
	/** Where nobody lives, nobody is born. */
	#isGone = false;
	/** Of the leader; never, where it was gone at once. */
	readonly startTime: number;

	/** @param bonds undefined where this process adopts no orphans */
	constructor(
		readonly leader: number,
		private readonly eyes: Eyes,
		private readonly bonds: Bonds | undefined,
	) {
		const stat = readStat(leader);
		if (stat) this.#remember(stat);
		this.startTime = stat?.startTime ?? Number.POSITIVE_INFINITY;
		bonds?.adoptions.addFamily(this);
	}

	get tag(): number | undefined {
		return this.bonds?.tag;
	}

	hasSeen(pid: number): boolean {
		return this.#known.has(pid);
	}

	forget(): void {
		this.bonds?.adoptions.removeFamily(this);
		this.bonds?.cgroup?.remove();
		this.bonds?.limits?.remove();
	}

	enforcedBy(name: LimitName): string | undefined {
		return this.bonds?.limits?.held.get(name) ?? ENFORCED_BY[name];
	}

	get isThrottled(): boolean {
		return this.bonds?.limits?.held.has("maxCpuPercent") ?? false;
	}

	wasOutOfMemory(): "limit" | "system" | undefined {
		if (this.bonds?.limits?.wasOutOfMemory()) return "limit";
		return this.bonds?.oom.hasHappened ? "system" : undefined;
	}

	signal(...signals: readonly Signal[]): void {
		if (this.#isGone) return;
		const members = this.#members();
		const inGroup = members.some(({ group }) => group === this.leader);
		const cgroup = this.bonds?.cgroup;
		if (cgroup && signals.every((signal) => signal === "SIGSTOP")) {
			this.#freeze(cgroup, members);
			return;
		}
		// What is frozen gets no signal but SIGKILL.
		if (this.#isFrozen) cgroup?.freeze(false);
		this.#isFrozen = false;
		for (const signal of signals) {
			if (signal === "SIGKILL") cgroup?.kill();
			// The kernel keeps a pid from being used again while it names a group.
			if (inGroup) sendSignal(-this.leader, signal);
			for (const { pid, group } of members)
				if (group !== this.leader) sendSignal(pid, signal);
		}
	}

	/** Pauses members so that no shell among them takes it for the end of a job. */
	#freeze(cgroup: Cgroup, members: readonly ProcStat[]): void {
		if (!this.#isFrozen) cgroup.freeze(true);
		this.#isFrozen = true;
		const inside = new Set(cgroup.members());
		for (const { pid } of members)
			if (!inside.has(pid)) sendSignal(pid, "SIGSTOP");
	}

	hasLeaderEnded(): boolean {
		const stat = readStat(this.leader);
		return !stat || hasEnded(stat) || stat.startTime !== this.startTime;
	}

	alive(): readonly number[] {
		if (this.#isGone) return [];
		const alive = this.#members();
		if (alive.length > 0) return alive.map(({ pid }) => pid);
		// A process that lost its parent since the last look at orphans is in
		// neither place; to be gone is to be in neither of this moment.
		const late = this.#members("now");
		if (late.length > 0) return late.map(({ pid }) => pid);
		const { cgroup } = this.bonds ?? {};
		this.#isGone = !cgroup?.isPopulated;
		if (this.#isGone) return [];
		// It forks and ends faster than its members can be looked at.
		const listed = cgroup?.members() ?? [];
		return listed.length > 0 ? listed : [this.leader];
	}

	sample(isQuick = false): TreeSample | undefined {
		if (this.#isGone) return undefined;
		const members = this.#members(isQuick ? "recent" : "turn");
		if (members.length === 0) return undefined;
		const { ticksPerSecond, pageSize } = this.eyes.units;
		this.#counters.add(this.#seen, isQuick);
		const { cpuTicks, read, written } = this.#counters;
		const peaks = isQuick ? [] : members.map(({ pid }) => readPeakSize(pid));
		return {
			processCount: members.length,
			threadCount: sum(members.map(({ threads }) => threads)),
			cpuSeconds: cpuTicks / ticksPerSecond,
			memoryBytes:
				sum(members.map(({ residentPages }) => residentPages)) * pageSize,
			peakMemoryBytes: Math.max(0, ...peaks.map((peak) => peak ?? 0)),
			ioReadBytes: read,
			ioWriteBytes: written,
		};
	}

	proportionalMemory(): number | undefined {
		const sizes = this.alive().map(readProportionalSize);
		return sizes.every((size) => size !== undefined)
			? sizes.reduce((total, size) => total + size, 0)
			: undefined;
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
		return listeningPorts(this.alive());
	}

	/** Every living member. */
	#members(age: Age = "turn"): ProcStat[] {
		const orphans = this.#orphans(age);
		for (const stat of orphans) this.#remember(stat);
		if (age !== "recent") this.#rememberGroup();
		this.#seen = this.#descendants();
		const found = this.#seen.filter((stat) => !hasEnded(stat));
		// An orphan that ended just now keeps its pid until the next look, and has
		// perhaps left another one: the tree lives.
		const living = found.length > 0 ? found : orphans;
		this.#known.clear();
		for (const stat of living) this.#remember(stat);
		return living;
	}

	#remember({ pid, startTime }: ProcStat): void {
		this.#known.set(pid, startTime);
	}

	/** What is in the control group was put there, or forked by one that was. */
	#rememberGroup(): void {
		for (const pid of this.bonds?.cgroup?.members() ?? []) {
			const stat = this.#known.has(pid) ? undefined : readStat(pid);
			if (stat) this.#remember(stat);
		}
	}

	/** Those that were seen before, the leader first of all, and their descendants. */
	#descendants(): ProcStat[] {
		const found = new Map<number, ProcStat>();
		const queue = [...this.#known.keys()];
		for (let pid = queue.pop(); pid !== undefined; pid = queue.pop()) {
			const stat = found.has(pid) ? undefined : readStat(pid);
			if (!stat || !this.#isOurs(stat)) continue;
			found.set(pid, stat);
			queue.push(...childrenOf(pid, stat.threads));
		}
		return [...found.values()];
	}

	/** A member started no earlier than the leader; one that did has only inherited a pid. */
	#isOurs(stat: ProcStat): boolean {
		const known = this.#known.get(stat.pid);
		return known === undefined
			? stat.startTime >= this.startTime
			: known === stat.startTime;
	}

	/** Members that have lost their parents. */
	#orphans(age: Age): ProcStat[] {
		if (this.bonds) return this.bonds.adoptions.of(this, age);
		// Without adoption they can only be found by looking at all processes,
		// which is worth it once the leader has ended and its group has not.
		const stat = readStat(this.leader);
		const leaderLives = stat !== undefined && !hasEnded(stat);
		if (leaderLives || !sendSignal(-this.leader, 0)) return [];
		return allProcesses().filter(
			(each) => each.session === this.leader && this.#isOurs(each),
		);
	}
}

function sum(values: readonly number[]): number {
	return values.reduce((total, value) => total + value, 0);
}
