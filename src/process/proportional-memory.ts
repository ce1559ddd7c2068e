import type { Tree } from "../platform/platform.ts";
import { turns } from "./turns.ts";

/** Milliseconds of one turn of the event loop. */
const SLICE = 3;

/**
 * Bytes of memory of a tree in which a page that several members share counts once;
 * undefined where the system isn't asked. With thousands of members that takes
 * seconds, in which others have their turns.
 *
 * @throws Error where it can't be known; see `look`
 */
export async function proportionalMemory(
	tree: Tree,
): Promise<number | undefined> {
	const sizes = tree.proportionalMemory()?.[Symbol.iterator]();
	if (!sizes) return undefined;
	let total = 0;
	let isDone = false;
	const addSome = () => {
		const end = performance.now() + SLICE;
		do {
			const next = sizes.next();
			isDone = next.done === true;
			total += next.value ?? 0;
		} while (!isDone && performance.now() < end);
	};
	while (!isDone) await turns.run(addSome);
	return total;
}
