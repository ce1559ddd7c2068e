/** Random numbers from 0 to 1 that a seed gives again (mulberry32). */
export function seeded(seed: number): () => number {
	let state = seed;
	return () => {
		state = (state + 0x6d2b79f5) | 0;
		let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
		mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
	};
}

/** Calls `one` for each number below `count`, `width` of them at a time. */
export async function times(
	count: number,
	width: number,
	one: (index: number) => Promise<void>,
): Promise<void> {
	let next = 0;
	const work = async () => {
		while (next < count) await one(next++);
	};
	await Promise.all(Array.from({ length: width }, work));
}
