import { enforcedByServer, type LimitName } from "../security/resources.ts";
import type { Signal, Tree, TreeSample } from "./platform.ts";
import type { ProcessEntry, ProcessTable } from "./process-table.ts";
import { sendSignal } from "./signal.ts";
import { Counter, Totals } from "./totals.ts";

/** What one process uses; undefined is what isn't this user's to know. */
export interface ProcessUsage {
	/** Its own. */
	readonly cpuSeconds: number;
	/** Of the children that it waited for, and of theirs. */
	readonly childCpuSeconds: number;
	readonly memoryBytes: number;
	/** The most that this was. */
	readonly peakMemoryBytes: number;
	readonly threads: number | undefined;
	readonly ioReadBytes: number;
	readonly ioWriteBytes: number;
}

/** Asks the system about single processes. */
export interface Meter {
	/** Also of one that has ended and waits to be reaped. */
	usage(pid: number): ProcessUsage | undefined;
	/** Descriptors that are sockets. */
	sockets(pid: number): readonly number[];
	/** The TCP port on which a socket listens, if it does. */
	listeningPort(pid: number, socket: number): number | undefined;
}

/** Sockets that are looked at; each is a system call. */
const MOST_SOCKETS = 5000;
/** Lists for which an ended member is remembered; see `#ended`. */
const ENDED_LOOKS = 2;

/**
 * A tree found in the table of processes: the leader, what members started, and
 * the members of the leader's process group and session.
 *
 * Nobody adopts orphans here but launchd. What was started is known all the same,
 * as the kernel remembers who started each process; it is lost only where the one
 * who did came and went between two looks, and left group and session.
 */
export class DarwinTree implements Tree {
	/** Serials of the living members. */
	#known = new Set<number>();
	/**
	 * Members that have ended lately, with the lists that they are remembered for:
	 * the first without them may have missed what they started while it was made.
	 */
	readonly #ended = new Map<number, number>();
	/** The last list of processes, the members in it, and those of them that live. */
	#entries: readonly ProcessEntry[] | undefined;
	#seen: readonly ProcessEntry[] = [];
	#living: readonly ProcessEntry[] = [];
	readonly #cpu = new Totals();
	readonly #read = new Counter();
	readonly #written = new Counter();
	/** Of the leader; where it was gone at once, none is as high. */
	readonly #serial: number;
	/**
	 * Whether the leader's pid still names its group and session. The kernel gives
	 * it to nobody else as long as it does; once it doesn't, it may be another's.
	 */
	#isNamed = true;

	constructor(
		readonly leader: number,
		private readonly table: ProcessTable,
		private readonly meter: Meter,
		private readonly onForget: (tree: DarwinTree) => void = () => {},
	) {
		this.#serial = table.find(leader)?.serial ?? Number.POSITIVE_INFINITY;
		this.#known.add(this.#serial);
		table.expire();
	}

	signal(...signals: readonly Signal[]): void {
		if (this.#isGone) return;
		const members = this.#membersOf(this.table.listAnew());
		const inGroup = members.some((member) => this.#isInGroup(member));
		const others = members.filter((member) => !this.#isInGroup(member));
		for (const signal of signals) {
			if (inGroup) sendSignal(-this.leader, signal);
			for (const { pid } of others) sendSignal(pid, signal);
		}
	}

	hasLeaderEnded(): boolean {
		const entry = this.table.find(this.leader);
		return !entry || entry.hasEnded || entry.serial !== this.#serial;
	}

	alive(): readonly number[] {
		return this.#members().map(({ pid }) => pid);
	}

	/** Members that group signals don't reach. */
	strays(): readonly ProcessEntry[] {
		return this.#members().filter((member) => !this.#isInGroup(member));
	}

	async sample(): Promise<TreeSample | undefined> {
		const members = this.#members();
		if (members.length === 0) return undefined;
		// Also of those that ended: what they used is their parent's only once it has waited.
		const looks = this.#seen.flatMap((entry) => {
			const usage = this.meter.usage(entry.pid);
			return usage ? [{ ...entry, ...usage, startTime: entry.serial }] : [];
		});
		const alive = new Set(members.map(({ serial }) => serial));
		const living = looks.filter((look) => alive.has(look.serial));
		const sum = (of: (usage: ProcessUsage) => number) =>
			living.reduce((total, usage) => total + of(usage), 0);
		return {
			processCount: members.length,
			threadCount: sum(({ threads = 1 }) => threads),
			cpuSeconds: this.#cpu.add(
				looks.map((look) => ({
					...look,
					own: look.cpuSeconds,
					waited: look.childCpuSeconds,
				})),
			),
			memoryBytes: sum(({ memoryBytes }) => memoryBytes),
			peakMemoryBytes: Math.max(
				0,
				...looks.map((each) => each.peakMemoryBytes),
			),
			// The kernel tells no parent what its children read and wrote.
			ioReadBytes: this.#read.add(looks, (look) => look.ioReadBytes),
			ioWriteBytes: this.#written.add(looks, (look) => look.ioWriteBytes),
		};
	}

	/** Footprints, which samples hold, have no pages of files that others map too. */
	proportionalMemory(): undefined {
		return undefined;
	}

	limitDescriptors(): void {
		throw new Error(
			"macOS lets nobody limit another process's descriptors (setrlimit(2))",
		);
	}

	openDescriptors(): undefined {
		return undefined;
	}

	enforcedBy(name: LimitName): string | undefined {
		return enforcedByServer(name);
	}

	readonly isThrottled = false;

	wasOutOfMemory(): undefined {
		return undefined;
	}

	listeningPorts(): readonly number[] | undefined {
		const sockets = this.alive().flatMap((pid) =>
			this.meter.sockets(pid).map((socket) => ({ pid, socket })),
		);
		if (sockets.length > MOST_SOCKETS) return undefined;
		const ports = sockets.flatMap(
			({ pid, socket }) => this.meter.listeningPort(pid, socket) ?? [],
		);
		return [...new Set(ports)].sort((a, b) => a - b);
	}

	forget(): void {
		this.onForget(this);
	}

	#members(): readonly ProcessEntry[] {
		if (this.#isGone) return [];
		const members = this.#membersOf(this.table.list()).filter(
			(member) => !this.table.hasEndedSince(member),
		);
		// The last ones may have started others after the list was made.
		return members.length > 0 || !this.table.isShared
			? members
			: this.#membersOf(this.table.listAnew());
	}

	/** Whether nobody can come any more: there is no one whom he could come from. */
	get #isGone(): boolean {
		return this.#known.size + this.#ended.size === 0 && !this.#isNamed;
	}

	/** @param entries in the order of their starts, so that members come before what they started */
	#membersOf(entries: readonly ProcessEntry[]): readonly ProcessEntry[] {
		if (entries === this.#entries) return this.#living;
		const mine = new Set([...this.#known, ...this.#ended.keys()]);
		if (entries.some((entry) => this.#hasTakenName(entry)))
			this.#isNamed = false;
		const pids = new Set<number>();
		const seen: ProcessEntry[] = [];
		const living: ProcessEntry[] = [];
		for (const entry of entries) {
			if (!this.#belongs(entry, mine, pids)) continue;
			mine.add(entry.serial);
			seen.push(entry);
			if (entry.hasEnded) {
				// What it started is found by it for as long as it can be seen.
				this.#known.add(entry.serial);
				continue;
			}
			pids.add(entry.pid);
			living.push(entry);
		}
		this.#remember(living, entries);
		this.#entries = entries;
		this.#seen = seen;
		this.#living = living;
		return living;
	}

	#belongs(
		entry: ProcessEntry,
		mine: ReadonlySet<number>,
		pids: ReadonlySet<number>,
	): boolean {
		if (mine.has(entry.serial)) return true;
		// What started before the leader has only inherited a pid or group.
		if (entry.serial < this.#serial) return false;
		return (
			mine.has(entry.starter) ||
			pids.has(entry.parent) ||
			(this.#isNamed &&
				(entry.group === this.leader || entry.session === this.leader))
		);
	}

	#hasTakenName({ pid, serial }: ProcessEntry): boolean {
		return pid === this.leader && serial !== this.#serial;
	}

	#isInGroup({ group }: ProcessEntry): boolean {
		return this.#isNamed && group === this.leader;
	}

	#remember(
		living: readonly ProcessEntry[],
		entries: readonly ProcessEntry[],
	): void {
		// A zombie leader's pid is still its own.
		this.#isNamed &&= entries.some(
			({ pid, group, session }) =>
				pid === this.leader || group === this.leader || session === this.leader,
		);
		const now = new Set(living.map(({ serial }) => serial));
		for (const [serial, looks] of this.#ended)
			if (looks > 1) this.#ended.set(serial, looks - 1);
			else this.#ended.delete(serial);
		for (const serial of this.#known)
			if (!now.has(serial)) this.#ended.set(serial, ENDED_LOOKS);
		this.#known = now;
	}
}
