import { z } from "zod";
import type { Config } from "../config/schema.ts";
import { messageOf, ProcessError, shorten } from "../errors.ts";
import type { ManagedProcess } from "../process/process.ts";
import { CAUSES, STATES } from "../process/termination.ts";
import {
	compileSearch,
	LONGEST_PATTERN,
	type SearchPattern,
} from "../security/pattern.ts";

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

export const leftBehind = z
	.number()
	.int()
	.describe(
		"Of one that has ended: how many processes that it started still live. Until none does it counts for maxConcurrentProcesses; process_terminate ends them.",
	);

/** How many processes live that an ended one has started, as a field of a result; none where none does. */
export function leftBehindOf({ state, tree }: ManagedProcess): {
	readonly leftBehind?: number;
} {
	const left = state === "running" ? 0 : tree.alive().length;
	return left > 0 ? { leftBehind: left } : {};
}

/** The exit code, as a field of a result; none while the process runs. */
export function exitCodeOf(process: ManagedProcess): {
	readonly exitCode?: number;
} {
	const ended = process.termination;
	return ended ? { exitCode: ended.exitCode } : {};
}

/** Of output that was lost. */
export const dropped = z
	.object({
		stdout: z.number().int().describe("Bytes of standard output."),
		stderr: z.number().int().describe("Bytes of standard error."),
	})
	.describe(
		"Bytes after the request's cursor that were lost, as the buffer keeps only the newest.",
	);

export const stderrMerged = z
	.boolean()
	.optional()
	.describe(
		"true: started with mergeStderr, so standard error is part of stdout, and stderr is empty.",
	);

export function stderrMergedOf(process: ManagedProcess): {
	readonly stderrMerged?: true;
} {
	return process.isMerged ? { stderrMerged: true } : {};
}

/** A regular expression as agents give it. */
export const searchPattern = z.string().min(1).max(LONGEST_PATTERN);

/** @throws ProcessError INVALID_ARGUMENT naming the field, where the engine doesn't take it */
export function searchFor(
	field: string,
	source: string | undefined,
): SearchPattern | undefined {
	if (source === undefined) return undefined;
	try {
		return compileSearch(source);
	} catch (error) {
		throw new ProcessError(
			"INVALID_ARGUMENT",
			`${field}: not a regular expression of RE2: ${messageOf(error)}`,
			"Correct it; RE2 has no look-around and no back-references. A backslash before a character takes it literally.",
			{ field },
		);
	}
}

/** @throws ProcessError OUTPUT_NOT_CAPTURED */
export function requireCaptured(
	{ pid, captured }: ManagedProcess,
	config: Pick<Config, "allowOutputCapture">,
): void {
	if (captured) return;
	throw new ProcessError(
		"OUTPUT_NOT_CAPTURED",
		`Output of process ${pid} was not captured`,
		config.allowOutputCapture
			? "Start it with captureOutput: true to read its output."
			: "The user's policy discards output: have the program write what is needed into a file; or the user sets allowOutputCapture to true.",
		{ pid },
	);
}
