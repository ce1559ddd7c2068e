import { describe, expect, it } from "bun:test";
import { PassThrough } from "node:stream";
import { nextTurn } from "../src/process/turns.ts";
import { LineTransport } from "../src/transport.ts";
import { Connection, line, request, sinkOf } from "./support/connection.ts";

/** A promise's state, without waiting for it. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
	const open = Symbol();
	const tick = new Promise((resolve) => setTimeout(() => resolve(open), 20));
	return (await Promise.race([promise, tick])) !== open;
}

describe("ending", () => {
	it("comes with the end of the input", async () => {
		const client = await Connection.open();
		expect(await isSettled(client.transport.ended)).toBe(false);
		client.input.end();
		await client.transport.ended;
		expect(await isSettled(client.transport.ended)).toBe(true);
	});

	it("comes with a broken input", async () => {
		const client = await Connection.open();
		client.input.destroy(new Error("EIO"));
		await client.transport.ended;
		expect(await isSettled(client.transport.ended)).toBe(true);
	});

	it("comes with a broken output, once there is something to write", async () => {
		const client = await Connection.open();
		client.output.destroy(new Error("EPIPE"));
		await client.give("not a message\n");
		await client.transport.ended;
		expect(await isSettled(client.transport.ended)).toBe(true);
	});

	it("comes with close, and tells", async () => {
		const client = await Connection.open();
		let closed = false;
		client.transport.onclose = () => {
			closed = true;
		};
		await client.transport.close();
		await client.transport.ended;
		expect(closed).toBe(true);
	});

	it("comes after the messages that came before it", async () => {
		const client = await Connection.open();
		const messages = Array.from({ length: 1000 }, (_, id) => request(id));
		client.input.end(messages.map(line).join(""));
		await client.transport.ended;
		expect(client.received).toEqual(messages);
	});
});

describe("sending", () => {
	it("writes one message a line", async () => {
		const client = await Connection.open();
		const message = { jsonrpc: "2.0" as const, id: 1, result: { a: "b\nc" } };
		await client.transport.send(message);
		expect(await client.answersAre(1)).toEqual([message]);
	});

	it("to a client that is gone does nothing", async () => {
		const client = await Connection.open();
		client.output.destroy();
		const sent = client.transport.send({ jsonrpc: "2.0", id: 1, result: {} });
		expect(await sent).toBeUndefined();
	});

	it("is idle once every request has its answer", async () => {
		const client = await Connection.open();
		await client.transport.idle(60_000);
		await client.give(line(request(1)), line(request("two")));
		await client.receives(2);
		const idle = client.transport.idle(60_000);
		await client.transport.send({ jsonrpc: "2.0", id: 1, result: {} });
		expect(await isSettled(idle)).toBe(false);
		await client.transport.send({ jsonrpc: "2.0", id: "two", result: {} });
		await idle;
		expect(await isSettled(client.transport.idle(60_000))).toBe(true);
	});

	it("does not wait for answers, or for a client that does not read, longer than it is told", async () => {
		const input = new PassThrough();
		const output = new PassThrough({ highWaterMark: 1 });
		const transport = new LineTransport(input, sinkOf(output));
		await transport.start();
		input.write(line(request(1)));
		await nextTurn();
		void transport.send({ jsonrpc: "2.0", method: "a" });
		void transport.send({ jsonrpc: "2.0", method: "b" });
		const before = performance.now();
		await transport.idle(20);
		await transport.flush(20);
		expect(performance.now() - before).toBeLessThan(5000);
	});
});
