import { z } from "zod";
import { ProcessError } from "../errors.ts";
import { readLines } from "../process/lines.ts";
import type { ManagedProcess } from "../process/process.ts";
import {
	checkCursor,
	ENCODINGS,
	type Encoding,
	formatCursor,
	parseCursor,
	type ReadRequest,
	type ReadResult,
	readOutput,
} from "../process/reader.ts";
import { Watch } from "../process/watch.ts";
import type { SearchPattern } from "../security/pattern.ts";
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
import { defineTool } from "./tool.ts";

/** Milliseconds that a write may wait for a process that doesn't read; clients give up on a call after 60 s. */
const WRITE_TIMEOUT = 10_000;

export const processSendStdin = defineTool({
	name: "process_send_stdin",
	title: "Write to a process's standard input",
	description:
		"Writes data to the standard input of a running process; end a line with \\n, as most programs wait for it. With end, closes the input afterwards, which programs such as cat or sort wait for. If the process doesn't read, its pipe fills up (64 KB on Linux); the call then returns after 10 s with what was taken: bytesRemaining says how much of the end of data to send again, once the process reads. Data is written once, in the order of the calls.",
	kind: "feeds",
	input: z.strictObject({
		pid,
		data: z.string().default("").describe("What to write."),
		encoding: z
			.enum(ENCODINGS)
			.default("utf-8")
			.describe("How data is to be turned into bytes."),
		end: z
			.boolean()
			.default(false)
			.describe("Close the standard input after data."),
	}),
	output: z.object({
		bytesWritten: z
			.number()
			.int()
			.describe("Bytes that the process's pipe took."),
		bytesRemaining: z
			.number()
			.int()
			.optional()
			.describe(
				"Only where not all was taken: so many bytes at the end of data are left to send again, and its input is still open, also with end.",
			),
	}),
	async run({ pid, data, encoding, end }, { manager }) {
		const process = manager.get(pid);
		if (data === "" && !end) {
			throw new ProcessError(
				"INVALID_ARGUMENT",
				"data: is empty, and end is not set",
				"Give data to write, or end: true to close the input.",
				{ field: "data" },
			);
		}
		const bytes = decode(data, encoding);
		const bytesWritten = await manager.write(process, bytes, WRITE_TIMEOUT);
		const bytesRemaining = bytes.length - bytesWritten;
		if (end && bytesRemaining === 0) void process.stdin?.end();
		return { bytesWritten, ...(bytesRemaining > 0 && { bytesRemaining }) };
	},
});

/** @throws ProcessError INVALID_ARGUMENT on text that is not of the encoding */
function decode(data: string, encoding: Encoding): Uint8Array {
	const valid =
		encoding === "hex"
			? /^(?:[0-9a-f]{2})*$/i.test(data)
			: encoding === "base64"
				? isBase64(data.replace(/\s/g, ""))
				: encoding === "latin1"
					? !/[^\0-\xff]/.test(data)
					: true;
	if (valid) return Buffer.from(data, encoding);
	throw new ProcessError(
		"INVALID_ARGUMENT",
		`data: not valid ${encoding}`,
		"Correct data, or give the encoding that it has.",
		{ field: "data" },
	);
}

function isBase64(text: string): boolean {
	return (
		/^[A-Za-z0-9+/]*={0,2}$/.test(text) &&
		text.replace(/=+$/, "").length % 4 !== 1
	);
}

/** Milliseconds of one call; clients give up on one after 60 s, unless told to wait. */
const LONGEST_POLL = 300_000;

export const processGetOutput = defineTool({
	name: "process_get_output",
	title: "Read a process's output",
	description:
		'Reads what a process, running or ended, wrote to its standard output and standard error. Without cursor it starts at the oldest output that is kept; pass the cursor of the last reply to get only what is new. With waitMs the call waits for something new instead of answering that there is nothing: use it rather than asking again and again. A reply holds a limited amount: if truncated is true, call again with cursor for the rest. tailLines gives only the last lines, pattern only those that match, as "12:text" with the line\'s number. Text comes without colors and other escape sequences, and of a progress bar only its last state. To wait for a certain text, a port or the end, use process_wait.',
	kind: "reads",
	input: z.strictObject({
		pid,
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
				"Milliseconds to wait for something to give, or the process's end. Many clients give up after 60000.",
			),
	}),
	output: z.object({
		pid,
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
		stderrMerged,
		termination: termination.optional(),
	}),
	async run(input, { manager, signal }) {
		const process = manager.get(input.pid);
		requireCaptured(process, manager.config);
		if (input.pattern !== undefined && input.encoding !== "utf-8") {
			throw new ProcessError(
				"INVALID_ARGUMENT",
				`pattern: is for text, not for ${input.encoding}`,
				"Leave encoding out, or pattern.",
				{ field: "pattern" },
			);
		}
		const limit = manager.config.maxResponseSize;
		const cursor =
			input.cursor === undefined ? undefined : parseCursor(input.cursor);
		if (cursor) checkCursor(cursor, process);
		const request = {
			stream: input.stream,
			encoding: input.encoding,
			cursor,
			tailLines: input.tailLines,
			maxBytes: Math.min(input.maxBytes ?? limit, limit),
			stripAnsi: input.stripAnsi,
		};
		const pattern = searchFor("pattern", input.pattern);
		const result = await poll(process, request, pattern, input.waitMs, signal);
		return {
			...result,
			pid: process.pid,
			state: process.state,
			stdoutBytes: process.stdout.size,
			stderrBytes: process.stderr.size,
			cursor: formatCursor(result.cursor),
			...stderrMergedOf(process),
			...terminationOf(process),
		};
	},
});

/** Reads until there is something to give, the process has ended, or the time is over. */
async function poll(
	process: ManagedProcess,
	request: ReadRequest,
	pattern: SearchPattern | undefined,
	waitMs: number,
	signal: AbortSignal,
): Promise<ReadResult> {
	const read = (cursor: ReadRequest["cursor"]) =>
		pattern
			? readLines(process, { ...request, cursor }, pattern, signal)
			: readOutput(process, { ...request, cursor });
	if (waitMs === 0) return read(request.cursor);
	const deadline = performance.now() + waitMs;
	using watch = new Watch(process, signal);
	let { cursor } = request;
	for (;;) {
		const hasEnded = process.state !== "running";
		const result = await read(cursor);
		const { stdout, stderr, dropped, truncated } = result;
		const isEmpty = stdout === "" && stderr === "" && !truncated;
		const hasLost = dropped.stdout + dropped.stderr > 0;
		const left = deadline - performance.now();
		if (!isEmpty || hasLost || hasEnded || signal.aborted || left <= 0)
			return result;
		// What there was is nothing to show: escape sequences, lines that don't match.
		cursor = result.cursor;
		await watch.next(left);
	}
}
