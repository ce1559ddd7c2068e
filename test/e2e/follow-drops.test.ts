import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { PYTHON } from "../support/programs.ts";
import { TestServer } from "../support/server.ts";

setDefaultTimeout(120_000);

const TOTAL = 20_000_000;

/** Writes lines that tell their own place, in pieces of random size. */
const WRITER = `
import os, random, sys
random.seed(int(sys.argv[1]))
data = b"".join(b"%07d\\n" % index for index in range(${TOTAL / 8}))
at = 0
while at < len(data):
    at += os.write(1, data[at:at + random.randrange(1, 60000)])`;

/** The bytes of the writer's output between two offsets. */
function expected(start: number, end: number): Buffer {
	const first = Math.floor(start / 8);
	const lines: string[] = [];
	for (let line = first; line * 8 < end; line++)
		lines.push(String(line).padStart(7, "0"), "\n");
	const from = start - first * 8;
	return Buffer.from(lines.join("")).subarray(from, from + end - start);
}

describe("a reader that follows by cursor", () => {
	it.each([
		["utf-8", 1],
		["base64", 2],
	] as const)(
		"in %s, too slowly for a small buffer, is told of every byte that it misses",
		async (encoding, seed) => {
			await using server = await TestServer.start({
				allowedExecutables: [PYTHON],
				argumentValidation: "literal",
				maxOutputBufferSize: 200_000,
				maxResponseSize: 30_000,
			});
			const { pid } = await server.ok("process_start", {
				executable: PYTHON,
				args: ["-c", WRITER, String(seed)],
			});
			let [at, kept, dropped, losses] = [0, 0, 0, 0];
			let cursor = "0.0";
			for (;;) {
				const reply = await server.ok("process_get_output", {
					pid,
					cursor,
					encoding,
					stripAnsi: false,
					waitMs: 20_000,
				});
				const bytes = Buffer.from(reply.stdout, encoding);
				const start = at + reply.dropped.stdout;
				at = start + bytes.length;
				expect(bytes.equals(expected(start, at))).toBe(true);
				expect(reply.cursor).toBe(`${at}.0`);
				kept += bytes.length;
				dropped += reply.dropped.stdout;
				if (reply.dropped.stdout > 0) losses++;
				({ cursor } = reply);
				if (reply.state !== "running" && !reply.truncated) break;
			}
			expect(kept + dropped).toBe(TOTAL);
			expect(kept).toBeGreaterThan(0);
			expect(losses).toBeGreaterThan(0);
			console.log(`${encoding}: ${kept} kept, lost in ${losses} pieces`);
		},
	);
});
