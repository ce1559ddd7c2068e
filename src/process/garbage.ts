import { edenGC } from "bun:jsc";

/** Starts after which what they have left is collected. */
const INTERVAL = 64;

let starts = 0;

/**
 * To be called at every start. The runtime counts a buffer of 256 KB for each stream
 * that is read, of which hardly anything is ever touched: with some hundred processes
 * its collector takes the heap for one of hundreds of megabytes, and lets as much
 * garbage gather before it comes by itself. To collect what is new takes a millisecond.
 */
export function collectAfterStarts(): void {
	if (++starts % INTERVAL === 0) edenGC();
}
