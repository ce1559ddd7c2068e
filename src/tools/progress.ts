import { shorten } from "../errors.ts";
import type { ManagedProcess } from "../process/process.ts";
import { readOutput } from "../process/reader.ts";
import type { ToolContext } from "./tool.ts";

/** Milliseconds between two words to a client that wants to know how far a wait is. */
const INTERVAL = 1000;
/** Characters of the line that goes with progress. */
const LONGEST_NEWS = 200;

/** Tells the client every second that a wait of so many milliseconds goes on, with the latest line of output; returns how to stop it. */
export function tellProgress(
	process: ManagedProcess,
	timeout: number,
	{ progress }: ToolContext,
): () => void {
	if (!progress) return () => {};
	const start = performance.now();
	const timer = setInterval(() => {
		const elapsed = Math.round(performance.now() - start);
		progress(elapsed, Math.max(timeout, elapsed), latestLine(process));
	}, INTERVAL);
	return () => clearInterval(timer);
}

function latestLine(process: ManagedProcess): string {
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
