import { z } from "zod";
import { ProcessError } from "../errors.ts";
import { ENCODINGS, type Encoding } from "../process/reader.ts";
import { openOutput } from "../supervision/pipeline.ts";
import {
	dropped,
	pid,
	requireCaptured,
	searchFor,
	searchPattern,
	state,
	stderrMerged,
	stderrMergedOf,
	termination,
	terminationOf,
} from "./fields.ts";
import { poll } from "./poll.ts";
import { latestLine, whileTelling } from "./progress.ts";
import { cursorText, following, type Reading, readingOf } from "./reading.ts";
import { serviceFields, serviceFieldsOf } from "./service-view.ts";
import { target } from "./target.ts";
import { screen, screenResult } from "./terminal.ts";
import { defineTool } from "./tool.ts";

type ScreenResult = Awaited<ReturnType<typeof screenResult>>;

/** Milliseconds of one call; clients give up on one after 60 s, unless told to wait. */
const LONGEST_POLL = 300_000;

export const processGetOutput = defineTool({
	name: "process_get_output",
	title: "Read a process's output",
	description:
		"Reads what a process, running or ended, wrote to its standard output and standard error. Without cursor it starts at the oldest output that is kept; pass the cursor of the last reply to get only what is new. With waitMs the call waits for something new instead of answering that there is nothing: use it rather than asking again and again. A reply holds a limited amount: if truncated is true, call again with cursor for the rest. tailLines gives only the last lines, pattern only those that match, as \"12:text\" with the line's number. Text comes without colors and other escape sequences, and of a progress bar only its last state. Of a program in a terminal screen gives what a person would see now. With serviceId it starts at the service's current process; a cursor reads on over restarts. To wait for a certain text, a port or the end, use process_wait.",
	kind: "reads",
	input: z.strictObject({
		...target,
		stream: z
			.enum(["stdout", "stderr", "both"])
			.default("both")
			.describe("Which stream to read."),
		encoding: z
			.enum(ENCODINGS)
			.default("utf-8")
			.describe(
				"utf-8: as text, invalid bytes replaced, characters never split. base64, hex: the exact bytes.",
			),
		cursor: z
			.string()
			.optional()
			.describe("The cursor of an earlier reply: read on from there."),
		tailLines: z
			.number()
			.int()
			.min(1)
			.optional()
			.describe("Only the last so many lines of each stream."),
		screen: z
			.boolean()
			.default(false)
			.describe(
				"Of a process with a terminal: give its screen as a person would see it, in place of its output.",
			),
		maxBytes: z
			.number()
			.int()
			.min(1)
			.optional()
			.describe(
				"Bytes of output in this reply, both streams together; the policy's maxResponseSize bounds it.",
			),
		pattern: searchPattern
			.optional()
			.describe(
				"Only lines that match this regular expression (RE2: no look-around, no back-references), each as NUMBER:LINE; with tailLines the last ones of them. A line counts when it is complete. Only with encoding utf-8.",
			),
		stripAnsi: z
			.boolean()
			.default(true)
			.describe(
				"Of utf-8 text, leave out escape sequences, and of lines that were overwritten (carriage returns) all but the last state. false: as it was written.",
			),
		waitMs: z
			.number()
			.min(0)
			.max(LONGEST_POLL)
			.default(0)
			.describe(
				"Milliseconds to wait for something to give, or the process's end; with serviceId, where it had ended before, for the next process. Many clients give up after 60000.",
			),
	}),
	output: z.object({
		pid,
		run: z
			.number()
			.int()
			.optional()
			.describe(
				"With serviceId: which of its processes this is from, counted from 1.",
			),
		state,
		stdout: z.string().describe("Standard output, in the encoding asked for."),
		stderr: z.string().describe("Standard error, in the encoding asked for."),
		stdoutBytes: z.number().int().describe("Bytes of standard output kept."),
		stderrBytes: z.number().int().describe("Bytes of standard error kept."),
		cursor: z.string().describe("Pass it on to read only what comes after."),
		dropped,
		truncated: z
			.boolean()
			.describe(
				"More is there than this reply may hold: read on with cursor. With tailLines: the older of those lines did not fit; read them by cursor without tailLines.",
			),
		screen: screen.optional(),
		stderrMerged,
		termination: termination.optional(),
		...serviceFields,
	}),
	async run(input, context) {
		const { manager, signal } = context;
		const first = readingOf(input, context);
		requireCaptured(first.process, manager.config);
		if (input.stream !== "stderr") await takeOutput(first);
		const limit = manager.config.maxResponseSize;
		const maxBytes = Math.min(input.maxBytes ?? limit, limit);
		if (input.pattern !== undefined) requireText(input.encoding);
		if (input.screen) requireNoText(input);
		const { stream, encoding, tailLines, stripAnsi, waitMs } = input;
		const options = {
			request: { stream, encoding, tailLines, maxBytes, stripAnsi },
			pattern: searchFor("pattern", input.pattern),
			waitMs,
			next: (after: Reading) => following(after, stream, context),
			signal,
		};
		const news = () => latestLine(first.service?.process ?? first.process);
		const { reading, result } = await whileTelling(waitMs, context, news, () =>
			poll(first, options),
		);
		const { process, run, hasMore } = reading;
		const reply = {
			...result,
			pid: process.pid,
			// As of what was read: drawing a screen takes time, in which it may end.
			state: process.state,
			stdoutBytes: process.stdout.size,
			stderrBytes: process.stderr.size,
			cursor: cursorText(result.cursor, run),
			truncated: result.truncated || hasMore,
			...(run !== undefined && { run }),
			...stderrMergedOf(process),
			...terminationOf(process),
			...(await serviceFieldsOf(reading)),
		};
		if (!input.screen) return reply;
		const image = await screenResult(process, maxBytes);
		return { ...reply, ...screenView(image, run) };
	},
});

/** Has standard output read that may wait in a pipeline, and says how far the reader is. */
async function takeOutput({ process, cursor }: Reading): Promise<void> {
	await openOutput(process);
	if (cursor) process.stdout.hold?.confirm(cursor.stdout);
	else process.stdout.hold?.glance();
}

/** A look at the screen in place of the output: read on from what comes next. */
function screenView(image: ScreenResult, run: number | undefined) {
	const cursor = { stdout: image.end, stderr: 0 };
	return {
		stdout: "",
		stderr: "",
		cursor: cursorText(cursor, run),
		dropped: { stdout: 0, stderr: 0 },
		truncated: image.firstRow > 1,
		screen: image,
	};
}

/** @throws ProcessError INVALID_ARGUMENT where lines are looked for in what is no text */
function requireText(encoding: Encoding): void {
	if (encoding === "utf-8") return;
	throw new ProcessError(
		"INVALID_ARGUMENT",
		`pattern: is for text, not for ${encoding}`,
		"Leave encoding out, or pattern.",
		{ field: "pattern" },
	);
}

/** @throws ProcessError INVALID_ARGUMENT where a screen is asked for as only text can be */
function requireNoText(input: {
	readonly encoding: Encoding;
	readonly tailLines?: number | undefined;
	readonly pattern?: unknown;
}): void {
	const field =
		input.tailLines !== undefined
			? "tailLines"
			: input.pattern !== undefined
				? "pattern"
				: input.encoding !== "utf-8"
					? "encoding"
					: undefined;
	if (field === undefined) return;
	throw new ProcessError(
		"INVALID_ARGUMENT",
		`${field}: has no meaning with screen`,
		`Leave out ${field} to get the screen, or screen to get the output.`,
		{ field },
	);
}
