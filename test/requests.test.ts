import { describe, expect, it } from "bun:test";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import { answering, type Call, type Handler } from "../src/requests.ts";
import { Connection, line, request } from "./support/connection.ts";

/** A client, and what reaches whoever is connected behind the handler of `work`. */
async function open(work: Handler) {
	const client = new Connection();
	const transport = answering(client.transport, new Map([["work", work]]));
	const passed: JSONRPCMessage[] = [];
	transport.onmessage = (message) => passed.push(message);
	await transport.start();
	return { client, passed };
}

const asked = (id: number | string, params = {}) =>
	line({ jsonrpc: "2.0", id, method: "work", params });

const cancelled = (requestId: unknown) => ({
	jsonrpc: "2.0" as const,
	method: "notifications/cancelled",
	params: { requestId },
});

describe("answering", () => {
	it("answers its own requests, and leaves all else to others", async () => {
		const { client, passed } = await open(async ({ params }) => ({
			got: params,
		}));
		const answer = { jsonrpc: "2.0" as const, id: 9, result: {} };
		await client.give(
			asked("", { a: 1 }),
			line(request(0)),
			line(answer),
			asked(0),
		);
		expect(await client.answersAre(2)).toEqual([
			{ jsonrpc: "2.0", id: "", result: { got: { a: 1 } } },
			{ jsonrpc: "2.0", id: 0, result: { got: {} } },
		]);
		expect(passed).toEqual([request(0), answer]);
	});

	it("answers with an error what fails", async () => {
		const { client } = await open(async () => {
			throw new Error("out of order");
		});
		await client.give(asked(1));
		expect(await client.answersAre(1)).toEqual([
			{
				...{ jsonrpc: "2.0", id: 1 },
				error: { code: -32603, message: "out of order" },
			},
		]);
	});

	it("sends what is told on the way before the answer", async () => {
		const { client } = await open(async ({ notify }) => {
			notify("notifications/progress", { progress: 1 });
			return {};
		});
		await client.give(asked(1));
		expect(await client.answersAre(2)).toEqual([
			{
				...{ jsonrpc: "2.0", method: "notifications/progress" },
				params: { progress: 1 },
			},
			{ jsonrpc: "2.0", id: 1, result: {} },
		]);
	});

	it("answers nothing that was cancelled, and takes a cancellation of its own only", async () => {
		const calls: Call[] = [];
		const ends: (() => void)[] = [];
		const { client, passed } = await open((call) => {
			calls.push(call);
			return new Promise((resolve) => {
				ends.push(() => resolve({ late: true }));
			});
		});
		await client.give(asked("a"), asked("b"), line(cancelled("a")));
		await client.give(line(cancelled("c")));
		expect(calls.map(({ signal }) => signal.aborted)).toEqual([true, false]);
		for (const { notify } of calls) notify("notifications/progress", {});
		for (const end of ends) end();
		expect(await client.answersAre(2)).toEqual([
			{ jsonrpc: "2.0", method: "notifications/progress", params: {} },
			{ jsonrpc: "2.0", id: "b", result: { late: true } },
		]);
		// What has been answered is nobody's to cancel.
		await client.give(line(cancelled("b")));
		expect(passed).toEqual([cancelled("c"), cancelled("b")]);
		expect(client.answers).toHaveLength(2);
	});

	it("cancels the later of two that have one id, also once the first is answered", async () => {
		const ends: (() => void)[] = [];
		const { client } = await open(
			() =>
				new Promise((resolve) => {
					ends.push(() => resolve({ number: ends.length }));
				}),
		);
		await client.give(asked(1), asked(1));
		ends.shift()?.();
		expect(await client.answersAre(1)).toHaveLength(1);
		await client.give(line(cancelled(1)));
		ends.shift()?.();
		await client.give(asked(2));
		ends.shift()?.();
		expect(await client.answersAre(2)).toMatchObject([{ id: 1 }, { id: 2 }]);
	});
});
