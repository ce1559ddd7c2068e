import { readFileSync, readlinkSync } from "node:fs";

const MADV_DONTNEED = 4;

/** A range of this process's addresses. */
export interface Range {
	readonly start: bigint;
	readonly length: bigint;
}

/**
 * Where a program's own code is mapped, in the text of /proc/self/maps
 * (proc_pid_maps(5)): what can be read and run, but not written.
 */
export function codeOf(maps: string, program: string): Range[] {
	return maps.split("\n").flatMap((line) => {
		const [, from, to, path] =
			/^([0-9a-f]+)-([0-9a-f]+) r-xp \S+ \S+ \d+ +(.*)$/.exec(line) ?? [];
		if (from === undefined || to === undefined || path !== program) return [];
		const start = BigInt(`0x${from}`);
		return [{ start, length: BigInt(`0x${to}`) - start }];
	});
}

/**
 * Gives back the memory of this program's code, a good part of which only its start
 * needed; what it uses again comes from the system's cache of the file (madvise(2)).
 *
 * @param madvise of the C library
 */
export function forgetCode(
	madvise: (start: bigint, length: bigint, advice: number) => number,
): void {
	for (const { start, length } of ownCode())
		madvise(start, length, MADV_DONTNEED);
}

function ownCode(): readonly Range[] {
	try {
		const maps = readFileSync("/proc/self/maps", "utf8");
		return codeOf(maps, readlinkSync("/proc/self/exe"));
	} catch {
		// Out of descriptors, or without /proc: then the memory stays.
		return [];
	}
}
