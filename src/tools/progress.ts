import { shorten } from "../errors.ts";
import type { ManagedProcess } from "../process/process.ts";
import { readOutput } from "../process/reader.ts";
import type { ToolContext } from "./tool.ts";

/** Milliseconds between two words to a client that wants to know how far a wait is. */
const INTERVAL = 1000;
/** Characters of the line that goes with progress. */
const LONGEST_NEWS = 200;

/**
 * Tells the client every second that work of about so many milliseconds goes on.
 *
 * @param news a line about it, for the user
 */
export async function whileTelling<T>(
	timeout: number,
	{ progress }: Pick<ToolContext, "progress">,
	news: () => string,
	work: () => Promise<T>,
): Promise<T> {
	if (!progress) return work();
	const start = performance.now();
	const timer = setInterval(() => {
		const elapsed = Math.round(performance.now() - start);
		progress(elapsed, Math.max(timeout, elapsed), news());
	}, INTERVAL);
	try {
		return await work();
	} finally {
		clearInterval(timer);
	}
}

/** The last line that a process wrote. */
export function latestLine(process: ManagedProcess): string {
	const { stdout, stderr } = readOutput(process, {
		stream: "both",
		encoding: "utf-8",
		stripAnsi: true,
		newest: true,
		maxBytes: 4 * LONGEST_NEWS,
	});
	const lines = `${stderr}\n${stdout}`.split("\n").map((line) => line.trim());
	return shorten(lines.findLast((line) => line !== "") ?? "", LONGEST_NEWS);
}
