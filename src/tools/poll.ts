import { readLines } from "../process/lines.ts";
import {
	type ReadRequest,
	type ReadResult,
	readOutput,
} from "../process/reader.ts";
import { Watch } from "../process/watch.ts";
import type { SearchPattern } from "../security/pattern.ts";
import { awaitsRun, type Reading } from "./reading.ts";

/** How a poll reads, and for how long it waits. */
export interface Poll {
	readonly request: Omit<ReadRequest, "cursor">;
	readonly pattern: SearchPattern | undefined;
	/** Milliseconds; 0 answers with what there is. */
	readonly waitMs: number;
	/** Where a service's output goes on after what was read of one process. */
	readonly next: (reading: Reading) => Reading;
	readonly signal: AbortSignal;
}

/**
 * Reads until there is something to give, the process has ended, or the time is
 * over. Of a service's process that had ended before, the end is no news: what
 * comes then is the next one.
 */
export async function poll(
	reading: Reading,
	options: Poll,
): Promise<{ readonly reading: Reading; readonly result: ReadResult }> {
	const { request, pattern, waitMs, next, signal } = options;
	const { process, service } = reading;
	const deadline = performance.now() + waitMs;
	const wasOver = process.state !== "running";
	using watch = new Watch(process, signal, service?.changed);
	let { cursor } = reading;
	for (;;) {
		const hasEnded = process.state !== "running";
		const result = pattern
			? await readLines(process, { ...request, cursor }, pattern, signal)
			: readOutput(process, { ...request, cursor });
		const { stdout, stderr, dropped, truncated } = result;
		const isEmpty = stdout === "" && stderr === "" && !truncated;
		const hasLost = dropped.stdout + dropped.stderr > 0;
		const left = deadline - performance.now();
		if (!isEmpty || hasLost || signal.aborted || left <= 0)
			return { reading, result };
		// What there was is nothing to show: escape sequences, lines that don't match.
		cursor = result.cursor;
		if (hasEnded) {
			const following = wasOver ? next({ ...reading, cursor }) : reading;
			if (following.process !== process)
				return poll(following, { ...options, waitMs: left });
			if (!wasOver || !awaitsRun(reading)) return { reading, result };
		}
		await watch.next(left);
	}
}
