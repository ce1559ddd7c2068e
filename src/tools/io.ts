import { z } from "zod";
import { ProcessError } from "../errors.ts";
import { ENCODINGS, type Encoding } from "../process/reader.ts";
import { processOf, target } from "./target.ts";
import { resize, terminalSize } from "./terminal.ts";
import { defineTool } from "./tool.ts";

/** Milliseconds that a write may wait for a process that doesn't read; clients give up on a call after 60 s. */
const WRITE_TIMEOUT = 10_000;

export const processSendStdin = defineTool({
	name: "process_send_stdin",
	title: "Write to a process's standard input",
	description:
		"Writes data to the standard input of a running process; end a line with \\n, as most programs wait for it. With end, closes the input afterwards, which programs such as cat or sort wait for. If the process doesn't read, its pipe fills up (64 KB on Linux); the call then returns after 10 s with what was taken: bytesRemaining says how much of the end of data to send again, once the process reads. Data is written once, in the order of the calls. Read what the program says to it with process_wait (a pattern, or idleMs) and the last cursor. In a terminal data is typed: \\n is Enter, \\u0003 is Ctrl-C, \\u001b[A the arrow up.",
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
		bytesRemaining: z
			.number()
			.int()
			.optional()
			.describe(
				"Only where not all was taken: so many bytes at the end of data are left to send again, and its input is still open, also with end.",
			),
	}),
	async run({ data, encoding, end, terminal, ...which }, context) {
		const { manager, signal } = context;
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
		const bytesWritten = await manager.write(
			process,
			bytes,
			WRITE_TIMEOUT,
			signal,
		);
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
