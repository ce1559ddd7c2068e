import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { randomBytes } from "node:crypto";
import { catOf, joined, readAll } from "../support/output.ts";
import { eventually, TestServer } from "../support/server.ts";

setDefaultTimeout(60_000);

const CAT = { allowedExecutables: ["cat", "tee", "seq"] };
const MIXED = "aß€😀é日本👩‍👩‍👧 z\u0301\n".repeat(20);

describe("process_get_output", () => {
	it("gives 10 MB of binary output back byte for byte", async () => {
		await using server = await TestServer.start(CAT);
		const bytes = randomBytes(10_000_000);
		const pid = await catOf(server, bytes);
		const replies = await readAll(server, { pid, encoding: "base64" });
		const whole = Buffer.concat(
			replies.map(({ stdout }) => Buffer.from(stdout, "base64")),
		);
		expect(whole.equals(bytes)).toBe(true);
		expect(replies.length).toBeGreaterThanOrEqual(250);
		for (const { dropped } of replies)
			expect(dropped).toEqual({ stdout: 0, stderr: 0 });
	});

	it.each([["base64"], ["hex"], ["latin1"]] as const)(
		"gives every byte value in %s",
		async (encoding) => {
			await using server = await TestServer.start(CAT);
			const bytes = Uint8Array.from(
				{ length: 1024 },
				(_, index) => index % 256,
			);
			const pid = await catOf(server, bytes);
			// An odd limit puts the cuts of base64 and hex where they are awkward.
			const replies = await readAll(server, { pid, encoding, maxBytes: 7 });
			const whole = Buffer.concat(
				replies.map(({ stdout }) => Buffer.from(stdout, encoding)),
			);
			expect(whole).toEqual(Buffer.from(bytes));
		},
	);

	it.each([[1], [2], [3], [5], [7]])(
		"never splits a character in replies of %d bytes",
		async (maxBytes) => {
			await using server = await TestServer.start(CAT);
			const pid = await catOf(server, MIXED);
			const replies = await readAll(server, { pid, maxBytes });
			for (const { stdout, dropped } of replies) {
				expect(stdout).not.toContain("\uFFFD");
				expect(stdout.isWellFormed()).toBe(true);
				expect(dropped).toEqual({ stdout: 0, stderr: 0 });
				// A character that is larger than the limit comes alone.
				expect(Buffer.byteLength(stdout)).toBeLessThanOrEqual(
					Math.max(maxBytes, 4),
				);
			}
			expect(joined(replies, "stdout")).toBe(MIXED);
		},
	);

	it("waits for the rest of a character that is being written", async () => {
		await using server = await TestServer.start(CAT);
		const { pid } = await server.ok("process_start", { executable: "cat" });
		let cursor: string | undefined;
		let text = "";
		const bytes = Buffer.from("é😀日");
		for (const [index, byte] of bytes.entries()) {
			await server.ok("process_send_stdin", {
				pid,
				data: Buffer.of(byte).toString("base64"),
				encoding: "base64",
			});
			const arrived = await eventually(async () => {
				const reply = await server.ok("process_get_output", { pid, cursor });
				return reply.stdoutBytes === index + 1 ? reply : undefined;
			}, "the byte");
			text += arrived.stdout;
			cursor = arrived.cursor;
			expect(bytes.toString().startsWith(text)).toBe(true);
		}
		expect(text).toBe("é😀日");
	});

	it("replaces bytes that are no text, and loses nothing around them", async () => {
		await using server = await TestServer.start(CAT);
		const bytes = Buffer.concat([
			Buffer.from("a"),
			Buffer.of(0xff, 0xc3, 0x28, 0xe2, 0x82),
			Buffer.from("z"),
		]);
		const pid = await catOf(server, bytes);
		for (const maxBytes of [1, 2, 3, 4, 100]) {
			const replies = await readAll(server, { pid, maxBytes });
			const text = joined(replies, "stdout");
			expect(text).toStartWith("a\uFFFD");
			expect(text.replaceAll("\uFFFD", "")).toBe("a(z");
			expect(replies.at(-1)?.cursor).toBe(`${bytes.length}.0`);
		}
	});

	it.each([[1], [2], [3], [4]])(
		"ends with a character that was never finished, in replies of %d bytes",
		async (maxBytes) => {
			await using server = await TestServer.start(CAT);
			const bytes = Buffer.of(0x61, 0xf0, 0x9f, 0x98);
			const pid = await catOf(server, bytes);
			const replies = await readAll(server, { pid, maxBytes });
			expect(joined(replies, "stdout")).toMatch(/^a\uFFFD+$/);
			expect(replies.at(-1)?.cursor).toBe("4.0");
		},
	);

	it("keeps the newest bytes, and says to the byte how many were dropped", async () => {
		await using server = await TestServer.start({
			...CAT,
			maxOutputBufferSize: 4096,
			maxResponseSize: 1000,
		});
		const bytes = randomBytes(100_003);
		const pid = await catOf(server, bytes);
		const replies = await readAll(server, { pid, encoding: "hex" });
		const kept = Buffer.from(joined(replies, "stdout"), "hex");
		expect(kept.length).toBe(4096);
		expect(kept.equals(bytes.subarray(-4096))).toBe(true);
		expect(replies.map(({ dropped }) => dropped.stdout)).toEqual([
			bytes.length - 4096,
			...replies.slice(1).map(() => 0),
		]);
		for (const reply of replies) expect(reply.stdoutBytes).toBe(4096);
	});

	it("drops whole characters of a text, and counts their bytes", async () => {
		await using server = await TestServer.start({
			...CAT,
			maxOutputBufferSize: 4096,
		});
		const text = "日".repeat(5000);
		const pid = await catOf(server, text);
		const [reply, ...more] = await readAll(server, { pid });
		expect(more).toEqual([]);
		expect(reply?.stdout).toMatch(/^日+$/);
		expect(Buffer.byteLength(reply?.stdout) + reply?.dropped.stdout).toBe(
			Buffer.byteLength(text),
		);
	});

	it("tells a reader that fell behind what it missed", async () => {
		await using server = await TestServer.start({
			...CAT,
			maxOutputBufferSize: 4096,
		});
		const { pid } = await server.ok("process_start", { executable: "cat" });
		await server.ok("process_send_stdin", { pid, data: "first\n" });
		const { cursor } = await server.waitForOutput(pid, "first");
		const rest = "x".repeat(10_000);
		await server.ok("process_send_stdin", { pid, data: rest, end: true });
		await server.waitForEnd(pid);
		const reply = await server.ok("process_get_output", { pid, cursor });
		expect(reply.stdout).toBe("x".repeat(4096));
		expect(reply.dropped).toEqual({ stdout: 10_000 - 4096, stderr: 0 });
	});

	it("keeps two streams apart, each with its own place in the cursor", async () => {
		await using server = await TestServer.start(CAT);
		const { pid } = await server.ok("process_start", {
			executable: "tee",
			args: ["/dev/stderr"],
			stdin: MIXED,
			closeStdin: true,
		});
		await server.waitForEnd(pid);
		const read = (args: Record<string, unknown>) =>
			server.ok("process_get_output", { pid, ...args });
		const out = await read({ stream: "stdout" });
		expect(out).toMatchObject({ stdout: MIXED, stderr: "" });
		const err = await read({ stream: "stderr", cursor: out.cursor });
		expect(err).toMatchObject({ stdout: "", stderr: MIXED });
		expect(await read({ cursor: err.cursor })).toMatchObject({
			stdout: "",
			stderr: "",
			truncated: false,
		});
		for (const maxBytes of [1, 3, 10, 1000]) {
			const replies = await readAll(server, { pid, maxBytes });
			expect(joined(replies, "stdout")).toBe(MIXED);
			expect(joined(replies, "stderr")).toBe(MIXED);
			for (const reply of replies)
				expect(
					Buffer.byteLength(reply.stdout) + Buffer.byteLength(reply.stderr),
				).toBeLessThanOrEqual(Math.max(maxBytes, 8));
		}
	});

	it("holds no more than maxResponseSize in one reply, whatever is asked for", async () => {
		await using server = await TestServer.start({
			...CAT,
			maxResponseSize: 300,
		});
		const pid = await catOf(server, "x".repeat(1000));
		const reply = await server.ok("process_get_output", { pid, maxBytes: 900 });
		expect(reply).toMatchObject({ stdout: "x".repeat(300), truncated: true });
	});

	it("gives the same output again to whoever asks without a cursor", async () => {
		await using server = await TestServer.start(CAT);
		const pid = await catOf(server, MIXED);
		for (let time = 0; time < 2; time++)
			expect(await server.ok("process_get_output", { pid })).toMatchObject({
				stdout: MIXED,
				termination: { cause: "exited", exitCode: 0, signal: null },
			});
	});

	it.each([
		["one.two"],
		[""],
		["-1.0"],
		["1e3.0"],
		["99999999999999999999.0"],
		["1000000.0"],
		["0"],
	])("refuses %j as a cursor", async (cursor) => {
		await using server = await TestServer.start(CAT);
		const pid = await catOf(server, "x");
		expect(
			await server.fails("process_get_output", { pid, cursor }),
		).toMatchObject({ code: "INVALID_ARGUMENT", details: { field: "cursor" } });
	});

	it("reports progress while it waits, to a client that asked for it", async () => {
		await using server = await TestServer.start({
			allowedExecutables: ["python3"],
			argumentValidation: "literal",
		});
		const { pid, cursor } = await server.ok("process_start", {
			executable: "python3",
			args: ["-uc", "import time; print('step 1'); time.sleep(2.5)"],
			waitFor: { pattern: "step 1\\n" },
		});
		const news: (string | undefined)[] = [];
		await server.client.callTool(
			{
				name: "process_get_output",
				arguments: { pid, cursor, waitMs: 20_000 },
			},
			undefined,
			{ onprogress: ({ message }) => news.push(message) },
		);
		expect(news.length).toBeGreaterThan(0);
		expect(news.at(-1)).toBe("step 1");
	});
});
