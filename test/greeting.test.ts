import { describe, expect, it, spyOn } from "bun:test";
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import {
	type JSONRPCMessage,
	SUPPORTED_PROTOCOL_VERSIONS,
} from "@modelcontextprotocol/sdk/types.js";
import fc from "fast-check";
import { greet, introduction, PROTOCOL_VERSIONS } from "../src/greeting.ts";
import { nextTurn } from "../src/process/turns.ts";
import { Connection } from "./support/connection.ts";

const VERSION = "1.2.3";
const line = (message: unknown) => `${JSON.stringify(message)}\n`;
const initialize = (
	params: Record<string, unknown>,
	id: number | string = 0,
) => ({
	jsonrpc: "2.0" as const,
	id,
	method: "initialize",
	params,
});
const PARAMS = {
	protocolVersion: "2025-06-18",
	capabilities: { roots: { listChanged: true }, elicitation: {} },
	clientInfo: { name: "test", version: "1" },
};

/** The SDK's server, told what ours tells of itself. */
function sdkServer(): Server {
	const { serverInfo, ...options } = introduction(VERSION);
	return new Server(serverInfo, options);
}

/** What the SDK alone answers. */
async function answerOfSdk(message: JSONRPCMessage): Promise<unknown> {
	const server = sdkServer();
	const answer = Promise.withResolvers<unknown>();
	const transport: Transport = {
		async start() {},
		async close() {},
		async send(sent) {
			answer.resolve(sent);
		},
	};
	await server.connect(transport);
	transport.onmessage?.(message);
	return await answer.promise;
}

/** The transport for the SDK, once a client that sent something was greeted. */
async function greetedBy({ transport }: Connection): Promise<Transport> {
	const greeted = await greet(transport, VERSION);
	if (greeted === undefined) throw new Error("nothing was sent");
	return greeted;
}

/** What the greeting answers before there is an SDK; undefined where it leaves that to it. */
async function greetingFor(message: unknown): Promise<unknown> {
	const client = new Connection();
	client.input.write(line(message));
	await greet(client.transport, VERSION);
	return client.answers.at(0);
}

describe("greet", () => {
	it("knows the versions that the SDK knows", () => {
		expect<readonly string[]>(PROTOCOL_VERSIONS).toEqual(
			SUPPORTED_PROTOCOL_VERSIONS,
		);
	});

	it.each([...PROTOCOL_VERSIONS, "1999-01-01", "2099-01-01", ""])(
		"answers a client of version %j as the SDK would",
		async (protocolVersion) => {
			const message = initialize({ ...PARAMS, protocolVersion });
			const answer = await greetingFor(message);
			expect(answer).toBeDefined();
			expect(answer).toEqual(await answerOfSdk(message));
		},
	);

	it("gives no answer that the SDK would not give", async () => {
		const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
			tree: fc.oneof(
				{ maxDepth: 3, withCrossShrink: true },
				fc.constantFrom({}, true, "x", 1, null, []),
				fc.dictionary(
					fc.constantFrom(
						...["roots", "sampling", "elicitation", "tasks", "experimental"],
						...["listChanged", "applyDefaults", "form", "url", "list", "x"],
						...["context", "tools", "requests", "extensions"],
					),
					tie("tree"),
				),
			),
		}));
		const info = fc.dictionary(
			fc.constantFrom("name", "version", "title", "icons", "websiteUrl", "x"),
			fc.oneof(fc.string(), fc.constantFrom(1, null, [])),
		);
		let greeted = 0;
		await fc.assert(
			fc.asyncProperty(
				fc.oneof(fc.constantFrom(...PROTOCOL_VERSIONS), fc.string()),
				fc.oneof(tree, fc.constant({ elicitation: {} })),
				fc.oneof(info, fc.constant({ name: "a", version: "b" })),
				async (protocolVersion, capabilities, clientInfo) => {
					const message = initialize({
						protocolVersion,
						capabilities,
						clientInfo,
					});
					const answer = await greetingFor(message);
					if (answer === undefined) return;
					greeted++;
					expect<unknown>(answer).toEqual(await answerOfSdk(message));
				},
			),
			{ numRuns: 500 },
		);
		expect(greeted).toBeGreaterThan(20);
	});

	it.each([
		["another request", { jsonrpc: "2.0", id: 1, method: "ping" }],
		["a notice", { jsonrpc: "2.0", method: "initialize", params: PARAMS }],
		["no parameters", { jsonrpc: "2.0", id: 1, method: "initialize" }],
		["no version", initialize({ ...PARAMS, protocolVersion: undefined })],
		["icons", initialize({ ...PARAMS, clientInfo: { name: "a", icons: [] } })],
		["more than it knows", initialize({ ...PARAMS, _meta: {} })],
		[
			"a flag that is none",
			initialize({ ...PARAMS, capabilities: { listChanged: "yes" } }),
		],
	])("leaves %s to the SDK", async (_, message) => {
		expect(await greetingFor(message)).toBeUndefined();
	});

	it("leaves objects in objects in objects to the SDK, which may go as deep as it can", async () => {
		const deep = `${'{"a":'.repeat(20_000)}{}${"}".repeat(20_000)}`;
		const client = new Connection();
		client.input.write(
			line(initialize({ ...PARAMS, capabilities: "DEEP" })).replace(
				'"DEEP"',
				deep,
			),
		);
		await greet(client.transport, VERSION);
		expect(client.answers).toEqual([]);
	});

	it("has what comes meanwhile wait for the SDK, which says nothing of the greeting again", async () => {
		const client = new Connection();
		const ping = (id: number | string) => ({
			jsonrpc: "2.0",
			id,
			method: "ping",
		});
		// The SDK's client begins with the id 0; another one may use an id again.
		client.input.write(line(initialize(PARAMS)) + line(ping(1)));
		const greeted = await greetedBy(client);
		client.input.write(line(ping(2)));
		await nextTurn();
		expect(client.answers).toHaveLength(1);
		const server = sdkServer();
		await server.connect(greeted);
		client.input.write(line(ping(0)));
		const answers = await client.answersAre(4);
		expect(answers).toMatchObject([
			{ id: 0, result: { protocolVersion: "2025-06-18" } },
			...[1, 2, 0].map((id) => ({ id, result: {} })),
		]);
		expect(server.getClientVersion()).toEqual(PARAMS.clientInfo);
		expect(server.getClientCapabilities()).toMatchObject({
			elicitation: { form: {} },
		});
	});

	it("is over when the input ends before anything came", async () => {
		const client = new Connection();
		const greeted = greet(client.transport, VERSION);
		client.input.end();
		expect(await greeted).toBeUndefined();
		expect(client.answers).toEqual([]);
	});

	it("says to the user what the SDK found wrong with what was greeted", async () => {
		const client = new Connection();
		client.input.write(line(initialize(PARAMS, "a")));
		const greeted = await greetedBy(client);
		using written = spyOn(process.stderr, "write").mockReturnValue(true);
		await greeted.send({
			jsonrpc: "2.0",
			id: "a",
			error: { code: -32602, message: "no good" },
		});
		expect(written.mock.calls.join()).toContain("initialize: no good");
		expect(client.answers).toHaveLength(1);
	});
});
