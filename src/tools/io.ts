import { z } from "zod";
import { ProcessError } from "../errors.ts";
import {
	ENCODINGS,
	type Encoding,
	type ReadResult,
	readOutput,
} from "../process/reader.ts";
import { pid, state, termination, terminationOf } from "./fields.ts";
import { cursorText, readingOf } from "./reading.ts";
import { processOf, target } from "./target.ts";
import { resize, screen, screenResult, terminalSize } from "./terminal.ts";
import { defineTool } from "./tool.ts";

/** Milliseconds that a write may wait for a process that doesn't read; clients give up on a call after 60 s. */
const WRITE_TIMEOUT = 10_000;

export const processSendStdin = defineTool({
	name: "process_send_stdin",
	title: "Write to a process's standard input",
	description:
		"Writes data to the standard input of a running process; end a line with \\n, as most programs wait for it. With end, closes the input afterwards, which programs such as cat or sort wait for. If the process doesn't read, the call returns after 10 s with the bytes that were taken; send the rest again. In a terminal data is typed: \\n is Enter, \\u0003 is Ctrl-C, \\u001b[A the arrow up.",
	kind: "feeds",
	input: z.strictObject({
		...target,
		data: z.string().default("").describe("What to write."),
		encoding: z
			.enum(ENCODINGS)
			.default("utf-8")
			.describe("How data is to be turned into bytes."),
		end: z
			.boolean()
			.default(false)
			.describe(
				"Close the standard input after data; in a terminal: type Ctrl-D.",
			),
		terminal: terminalSize
			.optional()
			.describe("First give the process's terminal this size."),
	}),
	output: z.object({
		bytesWritten: z
			.number()
			.int()
			.describe("Bytes that the process's pipe took."),
	}),
	async run({ data, encoding, end, terminal, ...which }, context) {
		const { manager } = context;
		const process = processOf(which, context);
		if (terminal) await resize(process, terminal, manager);
		if (terminal && data === "" && !end) return { bytesWritten: 0 };
		if (data === "" && !end) {
			throw new ProcessError(
				"INVALID_ARGUMENT",
				"data: is empty, and end is not set",
				"Give data to write, or end: true to close the input.",
				{ field: "data" },
			);
		}
		const bytes =
			process.terminal && encoding === "utf-8"
				? process.terminal.typed(data)
				: decode(data, encoding);
		process.terminal?.requireTypable(bytes, "data");
		const bytesWritten = await manager.write(process, bytes, WRITE_TIMEOUT);
		if (end && bytesWritten === bytes.length) void process.stdin?.end();
		return { bytesWritten };
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

const bytesOfStreams = z.object({
	stdout: z.number().int().describe("Bytes of standard output."),
	stderr: z.number().int().describe("Bytes of standard error."),
});

export const processGetOutput = defineTool({
	name: "process_get_output",
	title: "Read a process's output",
	description:
		"Reads what a process, running or ended, wrote to its standard output and standard error. Without cursor it starts at the oldest output that is kept; pass the cursor of the last reply to get only what is new. A reply holds a limited amount: if truncated is true, call again with cursor for the rest. tailLines gives only the last lines, as many as fit. Children that outlive an ended process may still add output. With serviceId it starts at the service's current process; a cursor reads on over restarts. When there is nothing new, stdout and stderr are empty.",
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
		dropped: bytesOfStreams.describe(
			"Bytes after the request's cursor that were lost, as the buffer keeps only the newest.",
		),
		truncated: z
			.boolean()
			.describe(
				"More is there than this reply may hold: read on with cursor. With tailLines: the older of those lines did not fit; read them by cursor without tailLines.",
			),
		screen: screen.optional(),
		termination: termination.optional(),
	}),
	async run(input, context) {
		const { manager } = context;
		const { process, cursor, run, hasMore } = readingOf(input, context);
		if (!process.captured) {
			throw new ProcessError(
				"OUTPUT_NOT_CAPTURED",
				`Output of process ${process.pid} was not captured`,
				manager.config.allowOutputCapture
					? "Start it with captureOutput: true to read its output."
					: "The user's policy discards output (allowOutputCapture).",
				{ pid: process.pid },
			);
		}
		const limit = manager.config.maxResponseSize;
		if (cursor) process.stdout.hold?.confirm(cursor.stdout);
		if (input.screen) requireNoText(input);
		const image = input.screen
			? await screenResult(process, Math.min(input.maxBytes ?? limit, limit))
			: undefined;
		const result = image
			? unread(image.end)
			: readOutput(process, {
					stream: input.stream,
					encoding: input.encoding,
					cursor,
					tailLines: input.tailLines,
					maxBytes: Math.min(input.maxBytes ?? limit, limit),
				});
		return {
			...result,
			pid: process.pid,
			state: process.state,
			stdoutBytes: process.stdout.size,
			stderrBytes: process.stderr.size,
			cursor: cursorText(result.cursor, run),
			truncated: result.truncated || hasMore,
			...(image && { screen: image, truncated: image.firstRow > 1 }),
			...(run !== undefined && { run }),
			...terminationOf(process),
		};
	},
});

/** The output to read on from after a look at the screen: what comes next. */
function unread(offset: number): ReadResult {
	return {
		stdout: "",
		stderr: "",
		cursor: { stdout: offset, stderr: 0 },
		dropped: { stdout: 0, stderr: 0 },
		truncated: false,
	};
}

/** @throws ProcessError INVALID_ARGUMENT where a screen is asked for as only text can be */
function requireNoText(input: {
	readonly encoding: Encoding;
	readonly tailLines?: number | undefined;
}): void {
	const field =
		input.tailLines !== undefined
			? "tailLines"
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
