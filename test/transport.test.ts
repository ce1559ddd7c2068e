import { describe, expect, it } from "bun:test";
import { PassThrough } from "node:stream";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import fc from "fast-check";
import { nextTurn } from "../src/process/turns.ts";
import { sentAs } from "../src/tools/sent.ts";
import { LineTransport } from "../src/transport.ts";
import { Connection, line, request, sinkOf } from "./support/connection.ts";
import { eventually } from "./support/server.ts";

const refusal = (code: number, id: number | null = null) => ({
	jsonrpc: "2.0",
	id,
	error: { code, message: expect.any(String) },
});

/** Whether a value has an id that an answer to it can carry. */
function hasNumber(value: unknown): value is { id: number } {
	return (
		typeof value === "object" &&
		value !== null &&
		"id" in value &&
		Number.isSafeInteger(value.id)
	);
}

const withMeta = (_meta: unknown) => ({ ...request(1), params: { _meta } });

/** Answers every request with a megabyte. */
function answerAll(transport: LineTransport, onRequest = () => {}): void {
	const result = { answer: "x".repeat(2 ** 20) };
	transport.onmessage = (message) => {
		onRequest();
		if ("id" in message && message.id !== undefined)
			void transport.send({ jsonrpc: "2.0", id: message.id, result });
	};
}

describe("reading", () => {
	it("takes no more requests of a client that does not take its answers, and all of them once it does", async () => {
		const input = new PassThrough();
		const output = new PassThrough({ highWaterMark: 1 });
		const transport = new LineTransport(input, sinkOf(output));
		let requests = 0;
		answerAll(transport, () => {
			requests++;
		});
		await transport.start();
		for (let id = 0; id < 64; id++) {
			input.write(line(request(id)));
			await nextTurn();
		}
		expect(requests).toBeGreaterThan(10);
		expect(requests).toBeLessThan(20);
		let answers = 0;
		output.on("data", (chunk) => {
			answers += Number(String(chunk).endsWith("\n"));
		});
		await eventually(() => answers === 64 || undefined, "all answers");
		expect(requests).toBe(64);
		input.write(line(request(65)));
		await eventually(() => answers === 65 || undefined, "one more");
	});

	it("reads no more than some 64 MB of a client that does not take its answers, and all of it once it does", async () => {
		const LINES = 200;
		let read = 0;
		async function* requests() {
			for (let id = 0; id < LINES; id++) {
				read++;
				const filler = "x".repeat(2 ** 20);
				yield Buffer.from(line({ ...request(id), params: { filler } }));
			}
		}
		const output = new PassThrough({ highWaterMark: 1 });
		const transport = new LineTransport(requests(), sinkOf(output));
		let taken = 0;
		answerAll(transport, () => {
			taken++;
		});
		await transport.start();
		await eventually(() => read > 64 || undefined, "what waits");
		for (let turn = 0; turn < 100; turn++) await nextTurn();
		expect(read).toBeLessThan(64 + 20);
		output.resume();
		await transport.ended;
		expect(read).toBe(LINES);
		await eventually(() => taken === LINES || undefined, "every request");
	});

	it("notices that a client is gone also while it reads no more of it", async () => {
		let read = 0;
		async function* requests() {
			while (!isGone) {
				read++;
				await nextTurn();
				yield Buffer.from(line(request(read)).padStart(2 ** 20));
			}
		}
		let isGone = false;
		const gone = Promise.withResolvers<never>();
		const transport = new LineTransport(requests(), {
			write() {},
			flush: () => gone.promise,
		});
		answerAll(transport);
		await transport.start();
		await eventually(() => read > 64 || undefined, "what waits");
		gone.reject(new Error("EPIPE"));
		await transport.ended;
		isGone = true;
	});

	it("sends a result of which it keeps the text as any other", async () => {
		const connection = await Connection.open();
		const result = { text: 'a "quoted" line\n', none: {}, list: [1, null] };
		const kept = [{ ...result }, {}].map((each) =>
			sentAs(JSON.stringify(each), each),
		);
		for (const each of [result, ...kept])
			await connection.transport.send({ jsonrpc: "2.0", id: 7, result: each });
		expect(await connection.answersAre(3)).toEqual([
			{ jsonrpc: "2.0", id: 7, result },
			{ jsonrpc: "2.0", id: 7, result },
			{ jsonrpc: "2.0", id: 7, result: {} },
		]);
	});

	it("takes one message a line", async () => {
		const client = await Connection.open();
		await client.give(line(request(1)), line(request("two")));
		expect(await client.receives(2)).toEqual([request(1), request("two")]);
		expect(client.answers).toEqual([]);
	});

	it("takes notifications, results and errors, too", async () => {
		const client = await Connection.open();
		const messages: JSONRPCMessage[] = [
			{ jsonrpc: "2.0", method: "notifications/initialized" },
			{ jsonrpc: "2.0", id: 5, result: {} },
			{ jsonrpc: "2.0", id: "x", error: { code: 1, message: "no" } },
		];
		await client.give(...messages.map(line));
		expect(await client.receives(3)).toEqual(messages);
	});

	it("puts a message together from any chunks, also cut within a character", async () => {
		const message = request(1, "é€😀\u2028\u0000\\n");
		const bytes = new TextEncoder().encode(line(message));
		await fc.assert(
			fc.asyncProperty(
				fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 20 }),
				async (sizes) => {
					const client = await Connection.open();
					let at = 0;
					for (const size of [...sizes, bytes.length]) {
						client.input.write(bytes.subarray(at, at + size));
						at += size;
					}
					expect(await client.receives(1)).toEqual([message]);
					expect(client.errors).toEqual([]);
				},
			),
			{ numRuns: 50 },
		);
	});

	it("takes several messages of one chunk, in order", async () => {
		const client = await Connection.open();
		const messages = Array.from({ length: 100 }, (_, id) => request(id));
		await client.give(messages.map(line).join(""));
		expect(await client.receives(100)).toEqual(messages);
	});

	it("takes a part of many messages in each turn of the event loop", async () => {
		const client = await Connection.open();
		const most: number[] = [];
		let taken = 0;
		client.transport.onmessage = () => {
			if (taken++ === 0)
				setImmediate(() => {
					most.push(taken);
					taken = 0;
				});
		};
		const lines = Array.from({ length: 1000 }, (_, id) => line(request(id)));
		client.input.end(lines.join(""));
		await client.transport.ended;
		await nextTurn();
		expect(most.reduce((sum, count) => sum + count, 0)).toBe(1000);
		expect(Math.max(...most)).toBeLessThanOrEqual(128);
	});

	it("takes lines that end in CRLF, and skips empty ones", async () => {
		const client = await Connection.open();
		const text = JSON.stringify(request(1));
		await client.give(`\r\n\n  \n${text}\r\n\r\n  ${text}  \n`);
		expect(await client.receives(2)).toEqual([request(1), request(1)]);
		expect(client.answers).toEqual([]);
	});

	it("waits for a line's end", async () => {
		const client = await Connection.open();
		await client.give(JSON.stringify(request(1)));
		expect(client.received).toEqual([]);
		await client.give("\n");
		expect(await client.receives(1)).toEqual([request(1)]);
	});

	it.each([
		["a word", "garbage"],
		["a beginning", "{"],
		["half a message", '{"jsonrpc":"2.0","id":1,"method":"ping"'],
		["control characters", "\u0000\u0001\u0002"],
		["deep nesting", "[".repeat(100_000)],
		["a header of another protocol", "Content-Length: 30"],
	])("answers %s with a parse error, and goes on", async (_, text) => {
		const client = await Connection.open();
		await client.give(`${text}\n`, line(request(1)));
		expect(await client.receives(1)).toEqual([request(1)]);
		expect(await client.answersAre(1)).toEqual([refusal(-32700)]);
		expect(client.errors).toHaveLength(1);
	});

	it.each(
		[
			...[null, true, 7, "text", [], {}, { jsonrpc: "1.0", method: "x" }],
			...[{ method: "ping", id: 1 }, { jsonrpc: "2.0" }],
			{ jsonrpc: "2.0", id: 1 },
			{ jsonrpc: "2.0", method: 7 },
			{ jsonrpc: "2.0", id: null, method: "ping" },
			{ jsonrpc: "2.0", id: 1.5, method: "ping" },
			{ jsonrpc: "2.0", id: {}, method: "ping" },
			{ jsonrpc: "2.0", id: 2 ** 53, method: "ping" },
			{ ...request(1), more: 1 },
			{ ...request(1), result: {} },
			...[null, [], { "io.modelcontextprotocol/related-task": 5 }].map(
				withMeta,
			),
			...[{}, null, 1.5].map((progressToken) => withMeta({ progressToken })),
			[request(1), request(2)],
		].map((value) => ({ value, text: JSON.stringify(value) })),
	)(
		"refuses $text, which is no single message, and goes on",
		async ({ value }) => {
			const client = await Connection.open();
			await client.give(line(value), line(request(9)));
			expect(await client.receives(1)).toEqual([request(9)]);
			const id = hasNumber(value) ? value.id : null;
			expect(await client.answersAre(1)).toEqual([refusal(-32600, id)]);
		},
	);

	it("survives any bytes", async () => {
		await fc.assert(
			fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
				const client = await Connection.open();
				await client.give(bytes, "\n", line(request(1)));
				const received = await client.receives(1);
				expect(received.at(-1)).toEqual(request(1));
			}),
			{ numRuns: 100 },
		);
	});

	it("skips a line that is too long, whole, and goes on", async () => {
		const client = await Connection.open();
		const chunk = Buffer.alloc(2 ** 20, "x");
		for (let count = 0; count <= 64; count++) await client.give(chunk);
		await client.give(`tail of it\n${line(request(1))}`);
		expect(await client.receives(1)).toEqual([request(1)]);
		expect(await client.answersAre(1)).toEqual([refusal(-32600)]);
		expect(client.errors).toHaveLength(1);
	});

	it("takes a line of ten megabytes", async () => {
		const client = await Connection.open();
		const big = request(1, "x".repeat(10 * 2 ** 20));
		await client.give(line(big));
		expect((await client.receives(1)).at(0)).toEqual(big);
	});
});
