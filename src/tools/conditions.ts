import { z } from "zod";
import type { Config } from "../config/schema.ts";
import { ProcessError, shorten } from "../errors.ts";
import type { ManagedProcess } from "../process/process.ts";
import { type Cursor, formatCursor, readOutput } from "../process/reader.ts";
import { WAIT_EVENTS, type WaitConditions, waitFor } from "../process/wait.ts";
import {
	dropped,
	exitCode,
	exitCodeOf,
	leftBehind,
	leftBehindOf,
	searchFor,
	searchPattern,
	state,
	stderrMerged,
	stderrMergedOf,
	termination,
	terminationOf,
} from "./fields.ts";
import { waiting, waitingOf } from "./terminal.ts";
import type { ToolContext } from "./tool.ts";

/** Milliseconds. */
const DEFAULT_WAIT = 30_000;
const LONGEST_WAIT = 600_000;
/** Characters of a match. */
const LONGEST_MATCH = 2000;

/** What a wait may end on, in process_wait and in process_start's waitFor. */
export const conditions = {
	pattern: searchPattern
		.optional()
		.describe(
			"Regular expression (RE2), looked for in both streams, colors removed; ^ and $ are the ends of a line. A match may be up to 4 KB long.",
		),
	failPattern: searchPattern
		.optional()
		.describe(
			"The same, for what says that it went wrong. Whichever stands earlier in the output wins.",
		),
	port: z
		.number()
		.int()
		.min(1)
		.max(65535)
		.optional()
		.describe(
			"TCP port: until the process, or what it started, listens on it. Another program's doesn't count.",
		),
	idleMs: z
		.number()
		.min(1)
		.max(LONGEST_WAIT)
		.optional()
		.describe(
			"Milliseconds without output, from the start of the wait on: until it has gone quiet, as a prompt does.",
		),
	exit: z
		.boolean()
		.optional()
		.describe(
			"Until the process ends. Its end always ends the wait; set it where that is all to wait for.",
		),
	timeout: z
		.number()
		.min(0)
		.max(LONGEST_WAIT)
		.default(DEFAULT_WAIT)
		.describe(
			"Milliseconds to wait at most; the process runs on. Many clients give up on a call after 60000: rather wait again.",
		),
};

export const outcome = {
	event: z.enum(WAIT_EVENTS).describe("What ended the wait."),
	match: z.string().optional().describe("The text that the pattern matched."),
	state,
	exitCode: exitCode.optional(),
	elapsedMs: z.number().int().describe("Milliseconds that the wait took."),
	stdout: z
		.string()
		.describe(
			"Standard output from the cursor, or the beginning, to the event: after a match, to the end of its line.",
		),
	stderr: z.string().describe("Standard error, likewise."),
	cursor: z
		.string()
		.describe(
			"Goes on right after this output, in process_get_output or the next process_wait.",
		),
	dropped,
	truncated: z
		.boolean()
		.describe(
			"The output is more than a reply may hold, and these are its newest bytes. For the older ones: process_get_output with the cursor that was given here, or none.",
		),
	stderrMerged,
	termination: termination.optional(),
	leftBehind: leftBehind.optional(),
	waitingForInput: waiting,
};

/** Events of a process that did nothing of what was waited for. */
const STALLS: readonly string[] = ["timeout", "idle"];

export type Conditions = z.output<z.ZodObject<typeof conditions>>;

/**
 * Conditions whose patterns are compiled.
 *
 * @param field where they stand in the input, for messages
 * @throws ProcessError INVALID_ARGUMENT
 */
export function prepare(
	given: Conditions,
	field = "",
): Omit<WaitConditions, "from"> {
	const pattern = searchFor(`${field}pattern`, given.pattern);
	const failPattern = searchFor(`${field}failPattern`, given.failPattern);
	return {
		port: given.port,
		idleMs: given.idleMs,
		timeout: given.timeout,
		...(pattern && { pattern }),
		...(failPattern && { failPattern }),
	};
}

/** Whether output has to be captured for it. */
export function needsOutput(given: Conditions): boolean {
	return (
		given.pattern !== undefined ||
		given.failPattern !== undefined ||
		given.idleMs !== undefined
	);
}

/** Waits, and gives what a result says of it. */
export async function resultOf(
	process: ManagedProcess,
	wanted: WaitConditions,
	context: ToolContext,
) {
	const { config } = context.manager;
	if (wanted.port !== undefined) requirePorts(process);
	// What somebody waits for is not to be held back.
	await process.freeOutput();
	const { event, match, until, elapsedMs } = await waitFor(
		process,
		wanted,
		context.signal,
	);
	return {
		event,
		...(match !== undefined && { match: shorten(match, LONGEST_MATCH) }),
		state: process.state,
		...exitCodeOf(process),
		elapsedMs,
		...outputOf(process, wanted.from, until, config),
		...stderrMergedOf(process),
		...terminationOf(process),
		...leftBehindOf(process),
		// Why nothing more has come, perhaps.
		...(STALLS.includes(event) && waitingOf(process)),
	};
}

function outputOf(
	process: ManagedProcess,
	from: Cursor,
	until: Cursor,
	{ maxResponseSize }: Config,
) {
	const result = readOutput(process, {
		stream: "both",
		encoding: "utf-8",
		stripAnsi: true,
		cursor: from,
		until,
		newest: true,
		maxBytes: maxResponseSize,
	});
	return { ...result, cursor: formatCursor(result.cursor) };
}

/** @throws ProcessError INVALID_ARGUMENT where the system doesn't tell who listens */
function requirePorts(process: ManagedProcess): void {
	if (process.state !== "running" || process.tree.listeningPorts()) return;
	throw new ProcessError(
		"INVALID_ARGUMENT",
		`port: the ports of process ${process.pid} can't be seen`,
		"Wait for a pattern that it prints when it listens.",
		{ field: "port" },
	);
}
