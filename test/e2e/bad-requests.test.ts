import {
	afterAll,
	beforeAll,
	describe,
	expect,
	it,
	setDefaultTimeout,
} from "bun:test";
import type { Message } from "../support/arrivals.ts";
import { RawServer } from "../support/raw.ts";
import { isAlive } from "../support/server.ts";

setDefaultTimeout(60_000);

let server: RawServer;

beforeAll(async () => {
	server = await RawServer.start({
		allowedExecutables: ["true", "cat"],
		maxLaunchesPerMinute: 10_000,
	});
});

afterAll(() => server[Symbol.asyncDispose]());

/** Tools of a pid, with what else they need. */
const PID_TOOLS: readonly (readonly [string, Message])[] = [
	["process_terminate", {}],
	["process_get_stats", {}],
	["process_send_stdin", { data: "x" }],
	["process_get_output", {}],
	["process_get_status", {}],
];

describe.each(PID_TOOLS)("%s", (tool, rest) => {
	const cases: readonly (readonly [string, () => unknown, RegExp])[] = [
		["0", () => 0, /PROCESS_NOT_FOUND|INVALID_ARGUMENT/],
		["-1", () => -1, /PROCESS_NOT_FOUND|INVALID_ARGUMENT/],
		["1", () => 1, /PROCESS_NOT_FOUND/],
		["the server's own pid", () => server.pid, /PROCESS_NOT_FOUND/],
		["a stranger's pid", () => process.pid, /PROCESS_NOT_FOUND/],
		["2^53", () => 2 ** 53, /PROCESS_NOT_FOUND|INVALID_ARGUMENT/],
		["1.5", () => 1.5, /INVALID_ARGUMENT/],
		['"12"', () => "12", /INVALID_ARGUMENT/],
		["null", () => null, /INVALID_ARGUMENT/],
		["a list", () => [1], /INVALID_ARGUMENT/],
		["nothing", () => undefined, /INVALID_ARGUMENT/],
	];

	it.each(cases)(
		"answers pid %s with an error, and harms nobody",
		async (_, pid, code) => {
			const body = await server.fails(tool, { ...rest, pid: pid() });
			expect(body.code).toMatch(code);
			if (body.code === "INVALID_ARGUMENT")
				expect(body.message).toContain("pid");
			expect(isAlive(server.pid)).toBe(true);
			expect(isAlive(process.pid)).toBe(true);
			expect((await server.request("ping")).result).toEqual({});
		},
	);
});

describe("tools/call", () => {
	it("answers an unknown tool with what there is", async () => {
		const body = await server.fails("process_sart", {});
		expect(body).toMatchObject({ code: "UNKNOWN_TOOL" });
		expect(body.message).toContain("process_sart");
		expect(body.remediation).toContain("process_start");
		await server.expectHealthy();
	});

	it.each([["__proto__"], ["constructor"], ["toString"], [""], ["\0"]])(
		"knows no tool %j",
		async (name) => {
			expect(await server.fails(name, {})).toMatchObject({
				code: "UNKNOWN_TOOL",
			});
			await server.expectHealthy();
		},
	);

	const wrong: readonly (readonly [string, unknown, string])[] = [
		["no arguments at all", undefined, "executable"],
		["no executable", {}, "executable"],
		["an empty executable", { executable: "" }, "executable"],
		["a number as executable", { executable: 1 }, "executable"],
		["a text as args", { executable: "true", args: "a b" }, "args"],
		["a number within args", { executable: "true", args: ["a", 1] }, "args[1]"],
		["a number as env value", { executable: "true", env: { A: 1 } }, "env.A"],
		["a list as env", { executable: "true", env: ["A=1"] }, "env"],
		["a negative timeout", { executable: "true", timeout: -1 }, "timeout"],
		["a text as timeout", { executable: "true", timeout: "5s" }, "timeout"],
		["an unknown field", { executable: "true", argz: [] }, "args"],
		[
			"a text as captureOutput",
			{ executable: "true", captureOutput: "yes" },
			"captureOutput",
		],
	];

	it.each(wrong)("names the field of %s", async (_, args, field) => {
		const body = await server.fails("process_start", args);
		expect(body).toMatchObject({ code: "INVALID_ARGUMENT" });
		expect(body.message).toContain(field);
		await server.expectHealthy();
	});

	// What has no tool arguments to speak of is an error of the protocol's, or a failure of the tool's.
	it.each([
		["arguments as a text", { name: "process_list", arguments: "x" }],
		["arguments as a list", { name: "process_list", arguments: [] }],
		["a number as name", { name: 5, arguments: {} }],
		["no name", { arguments: {} }],
		["no params", undefined],
		["params as a text", "x"],
		["params as a list", [1, 2]],
		["params null", null],
	])("answers %s with an error", async (_, params) => {
		const id = `params ${JSON.stringify(params)}`;
		server.send({ jsonrpc: "2.0", id, method: "tools/call", params });
		const answer = await server.answer(id, 5000);
		const isFailure =
			answer.error !== undefined ||
			JSON.stringify(answer.result).includes('"isError":true');
		expect(isFailure).toBe(true);
		await server.expectHealthy();
	});

	it("keeps __proto__ in arguments from reaching anything", async () => {
		server.write(
			'{"jsonrpc":"2.0","id":"p","method":"tools/call","params":{"name":"process_start","arguments":{"executable":"true","__proto__":{"timeout":1}}}}\n',
		);
		await server.answer("p");
		server.write(
			'{"jsonrpc":"2.0","id":"q","method":"tools/call","params":{"name":"process_start","arguments":{"executable":"true","env":{"__proto__":"x"}}}}\n',
		);
		await server.answer("q");
		await server.expectHealthy();
	});
});

describe("wrong params", () => {
	it.each([
		[
			"logging/setLevel",
			{ level: "loud" },
			/^Invalid params: level: .*"debug".*"emergency"$/,
		],
		["logging/setLevel", undefined, /^Invalid params: expected object/],
		["resources/read", {}, /^Invalid params: uri: expected string/],
		[
			"resources/subscribe",
			{ uri: 5 },
			/^Invalid params: uri: expected string/,
		],
		["tools/list", { cursor: 5 }, /^Invalid params: cursor: expected string/],
	])("of %s (%j) are called so, on one line", async (method, params, told) => {
		const id = `${method} ${JSON.stringify(params)}`;
		server.send({ jsonrpc: "2.0", id, method, params });
		const { error } = await server.answer(id, 5000);
		expect(error).toEqual({
			code: -32602,
			message: expect.stringMatching(told),
		});
		await server.expectHealthy();
	});
});

describe("a line that is no request", () => {
	const lines: readonly (readonly [string, string])[] = [
		["is not JSON", "{not json}"],
		["ends within a value", '{"jsonrpc":"2.0","id":1,"method":"pi'],
		["is a text", '"hello"'],
		["is a number", "42"],
		["is null", "null"],
		["is a batch", '[{"jsonrpc":"2.0","id":1,"method":"ping"}]'],
		["is an empty batch", "[]"],
		["lacks jsonrpc", '{"id":1,"method":"ping"}'],
		["is of another version", '{"jsonrpc":"1.0","id":1,"method":"ping"}'],
		["has an object as id", '{"jsonrpc":"2.0","id":{},"method":"ping"}'],
		["has a number as method", '{"jsonrpc":"2.0","id":1,"method":5}'],
		["is deeply nested", `${"[".repeat(100_000)}${"]".repeat(100_000)}`],
		["has a NUL byte", "\0"],
		["is a web request", "POST / HTTP/1.1"],
	];

	it.each(lines)("that %s is answered with an error", async (_, line) => {
		// The answer bears the id where it can be told, and null where it can't.
		const errors = () =>
			server.messages().filter(({ error }) => error !== undefined);
		const before = errors().length;
		server.write(`${line}\n`);
		await server.expectHealthy();
		const answers = errors().slice(before);
		expect(answers).toHaveLength(1);
		const ids: readonly unknown[] = [null, 1];
		expect(ids).toContain(answers[0]?.id);
		expect(answers[0]?.error).toMatchObject({
			code: expect.any(Number),
			message: expect.any(String),
		});
	});

	it("that is empty is passed over without an answer", async () => {
		const before = nullAnswers();
		server.write("\n\r\n   \n\t\n");
		await server.expectHealthy();
		expect(nullAnswers()).toBe(before);
	});

	it("that is not UTF-8 is answered", async () => {
		const before = nullAnswers();
		server.write(Uint8Array.of(0xff, 0xfe, 0xc3, 0x28, 0x0a));
		await server.expectHealthy();
		expect(nullAnswers()).toBe(before + 1);
	});

	it("that is an answer to nothing asked is passed over", async () => {
		server.send({ jsonrpc: "2.0", id: 99_999, result: {} });
		server.send({
			jsonrpc: "2.0",
			id: "x",
			error: { code: -1, message: "no" },
		});
		await server.expectHealthy();
	});

	it("that names an unknown method is answered as the protocol says", async () => {
		const { error } = await server.request("no/such/method");
		expect(error).toEqual({
			code: -32601,
			message: "Unknown method: no/such/method",
		});
		await server.expectHealthy();
	});

	it("that is an unknown notification is passed over", async () => {
		server.send({ jsonrpc: "2.0", method: "notifications/no-such" });
		server.send({
			jsonrpc: "2.0",
			method: "notifications/cancelled",
			params: { requestId: 4711 },
		});
		await server.expectHealthy();
	});

	function nullAnswers(): number {
		return server.messages().filter(({ id }) => id === null).length;
	}
});

describe("a long line", () => {
	it("of 5 MB is taken whole", async () => {
		const { pid } = await server.ok("process_start", { executable: "cat" });
		const data = "é".repeat(2.5 * 2 ** 20);
		const { bytesWritten } = await server.ok("process_send_stdin", {
			pid,
			data,
			end: true,
		});
		expect(bytesWritten).toBe(Buffer.byteLength(data));
		await server.waitForEnd(pid);
		const { stdoutBytes } = await server.ok("process_get_output", { pid });
		expect(stdoutBytes).toBe(bytesWritten);
		await server.expectHealthy();
	});

	it("of 5 MB that is not JSON is answered with an error", async () => {
		const before = server.messages().filter(({ id }) => id === null).length;
		server.write(`${"x".repeat(5 * 2 ** 20)}\n`);
		await server.expectHealthy();
		const nulls = server.messages().filter(({ id }) => id === null);
		expect(nulls).toHaveLength(before + 1);
		// The message must not carry the line back.
		expect(JSON.stringify(nulls.at(-1)).length).toBeLessThan(10_000);
	});

	it("of more than a message may have is refused, and the next one is read", async () => {
		const block = Buffer.alloc(2 ** 20, "x");
		const before = server.messages().filter(({ id }) => id === null).length;
		for (let sent = 0; sent < 65; sent++) server.write(block);
		server.write("\n");
		await server.expectHealthy();
		const nulls = server.messages().filter(({ id }) => id === null);
		expect(nulls).toHaveLength(before + 1);
	});
});
