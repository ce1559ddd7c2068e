import {
	hasEnded,
	type ProcStat,
	readProportionalSize,
	readStat,
} from "./procfs.ts";

/** The kernel's units of time and memory. */
interface Units {
	readonly ticksPerSecond: number;
	readonly pageSize: number;
}

/** What memory is looked at with. */
export interface MemoryEyes {
	readonly units: Units;
	/** Whether two processes have the very same memory. */
	sharesMemory(one: number, other: number): boolean;
}

/**
 * Bytes resident of some processes, but of none who for a moment has its parent's
 * memory, after vfork(2).
 *
 * @param newLeader has just been started, and may still have this process's
 */
export function residentBytes(
	members: readonly ProcStat[],
	eyes: MemoryEyes,
	newLeader: number | undefined,
): number {
	const pages = new Map(
		members.map(({ pid, residentPages }) => [pid, residentPages]),
	);
	return (
		eyes.units.pageSize *
		sum(members, ({ pid, parent, residentPages }) => {
			const most =
				pid === newLeader ? 0 : (pages.get(parent) ?? Number.POSITIVE_INFINITY);
			// What is its own can only be less.
			if (residentPages < most * 0.9) return residentPages;
			if (eyes.sharesMemory(pid, parent)) return 0;
			return Math.min(residentPages, readStat(pid)?.residentPages ?? 0);
		})
	);
}

/** Bytes of each of some processes, in whose sum a page that several of them share counts once. */
export function* proportionalBytes(
	members: readonly ProcStat[],
	{ units, sharesMemory }: MemoryEyes,
): Generator<number, void> {
	for (const { pid, parent } of members) {
		// For a moment after vfork(2) it has its parent's memory; asked first, as from then on it has its own.
		if (sharesMemory(pid, parent)) continue;
		const size = readProportionalSize(pid);
		if (size !== undefined) {
			yield size;
			continue;
		}
		// Who ends has given its memory back; who hides has it to itself.
		const stat = readStat(pid);
		if (stat && !hasEnded(stat)) yield stat.residentPages * units.pageSize;
	}
}

function sum(
	members: readonly ProcStat[],
	of: (member: ProcStat) => number,
): number {
	return members.reduce((total, member) => total + of(member), 0);
}
