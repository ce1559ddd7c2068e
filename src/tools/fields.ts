import { z } from "zod";
import { shorten } from "../errors.ts";
import type { ManagedProcess } from "../process/process.ts";
import { CAUSES, STATES } from "../process/termination.ts";

export const pid = z
	.number()
	.int()
	.describe("Process id, as process_start gave it.");

export const groupId = z
	.string()
	.max(100)
	.describe("Group, as process_create_group gave its id.");

export const state = z
	.enum(STATES)
	.describe(
		"running; stopped: ended with exit code 0 or because it was asked to end here; crashed: ended in any other way.",
	);

export const exitCode = z
	.number()
	.int()
	.describe("Exit code; 128 + n where signal n ended it.");

export const startTime = z.string().describe("Start, ISO 8601, UTC.");

export const uptime = z
	.number()
	.describe("Milliseconds since the start; of an ended process, its life.");

export const termination = z
	.object({
		cause: z.enum(CAUSES).describe("Why it ended; the first cause counts."),
		exitCode,
		signal: z
			.string()
			.nullable()
			.describe("The signal that ended it, or null."),
		message: z.string().describe("The same in words."),
		endedAt: z.string().describe("When, ISO 8601, UTC."),
	})
	.describe("How the process ended.");

const MOST_SHOWN = 50;
const LONGEST_SHOWN = 200;

/** Arguments as results show them: a list of processes must not drown the one who reads it. */
export function shownArgs(args: readonly string[]): string[] {
	const more = args.length - MOST_SHOWN;
	const shown = args
		.slice(0, MOST_SHOWN)
		.map((arg) => shorten(arg, LONGEST_SHOWN));
	return more > 0 ? [...shown, `... (${more} more)`] : shown;
}

/** The fields of a result that say how a process ended; none while it runs. */
export function terminationOf(process: ManagedProcess): {
	readonly termination?: z.input<typeof termination>;
} {
	const ended = process.termination;
	return ended
		? { termination: { ...ended, endedAt: ended.endedAt.toISOString() } }
		: {};
}

/** The exit code, as a field of a result; none while the process runs. */
export function exitCodeOf(process: ManagedProcess): {
	readonly exitCode?: number;
} {
	const ended = process.termination;
	return ended ? { exitCode: ended.exitCode } : {};
}
