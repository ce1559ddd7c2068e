import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { fixture, NODE, PYTHON } from "../support/programs.ts";
import { initializeRequest, RawServer } from "../support/raw.ts";
import { isAlive } from "../support/server.ts";

setDefaultTimeout(60_000);

const NOISY = {
	allowedExecutables: [PYTHON, NODE, "true", "cat"],
	argumentValidation: "literal",
	auditLogLevel: "debug",
};

describe("standard output", () => {
	it("holds protocol lines only, whatever children write and wherever they try to", async () => {
		await using server = await RawServer.start(NOISY);
		for (const captureOutput of [true, false]) {
			const { pid } = await server.ok("process_start", {
				executable: PYTHON,
				args: [fixture("write-everywhere.py")],
				captureOutput,
			});
			const { exitCode } = await server.waitForEnd(pid);
			expect(exitCode).toBe(0);
			if (!captureOutput) continue;
			const { stdout } = await server.ok("process_get_output", { pid });
			// The fixture reached its own streams, so it did run to its end.
			expect(stdout).toContain("written:");
			expect(stdout).toContain("noise, not a protocol line");
		}
		await server.expectHealthy();
		const ids = server.messages().map(({ id }) => id);
		expect(ids).toContain(0);
		expect(server.stdout).toEndWith("\n");
	});

	it("holds protocol lines only through warnings, refusals, failures and internal diagnostics", async () => {
		await using server = await RawServer.start(NOISY);
		const { warnings } = await server.ok("process_start", {
			executable: "true",
			env: { LD_PRELOAD: "/x.so", PATH: "/x" },
		});
		expect(warnings).toHaveLength(2);
		for (const request of [
			{ executable: "bash" },
			{ executable: "sudo" },
			{ executable: "no-such-program" },
			{ executable: "true", cwd: "/no/such/directory" },
			{ executable: "true\n{}\n" },
			{ executable: "true", args: ["a\0b"] },
		])
			await server.fails("process_start", request);
		server.write("not json\n");
		await server.answer(null);
		await server.expectHealthy();
		const answers = server.messages();
		expect(answers.length).toBeGreaterThanOrEqual(10);
		expect(server.stderr).not.toBe("");
	});

	it("holds protocol lines only while the audit log can't be written", async () => {
		await using server = await RawServer.start({
			...NOISY,
			auditLogPath: "/dev/null/audit.log",
		});
		const body = await server.fails("process_start", { executable: "true" });
		expect(body.message).toContain("audit log");
		expect(body.message).toContain("/dev/null/audit.log");
		expect(server.messages().length).toBe(2);
		expect(server.stderr).toContain("audit log");
	});

	it("escapes a child's line breaks and control characters within one line", async () => {
		await using server = await RawServer.start(NOISY);
		const text =
			'{"jsonrpc":"2.0","id":0,"result":{}}\r\n\u2028\u2029\u0000\u001b[31m\u0085\n';
		const { pid } = await server.ok("process_start", {
			executable: "cat",
			stdin: text,
			closeStdin: true,
		});
		await server.waitForEnd(pid);
		const { stdout } = await server.ok("process_get_output", {
			pid,
			encoding: "base64",
		});
		expect(Buffer.from(stdout, "base64").toString()).toBe(text);
		// As text, the line breaks must not become ones of the protocol's.
		await server.ok("process_get_output", { pid });
		expect(
			server.messages().filter((message) => message.id === 0),
		).toHaveLength(1);
	});
});

describe("the protocol", () => {
	it("answers calls that come before notifications/initialized", async () => {
		await using server = await RawServer.start(NOISY, { initialize: false });
		server.send(initializeRequest("first"));
		server.send({
			jsonrpc: "2.0",
			id: 1,
			method: "tools/call",
			params: { name: "process_start", arguments: { executable: "true" } },
		});
		const answer = await server.answer(1);
		expect(answer.result).toMatchObject({
			structuredContent: { status: "success" },
		});
		await server.expectHealthy();
	});

	it("answers calls that come before initialize", async () => {
		await using server = await RawServer.start(NOISY, { initialize: false });
		const { result } = await server.request("tools/list");
		expect(result).toMatchObject({ tools: expect.any(Array) });
		server.send(initializeRequest(7));
		expect((await server.answer(7)).result).toMatchObject({
			serverInfo: { name: "mcp-process" },
		});
		await server.expectHealthy();
	});

	it("answers a second initialize, and keeps its processes", async () => {
		await using server = await RawServer.start(NOISY);
		const { pid } = await server.ok("process_start", { executable: "cat" });
		server.send(initializeRequest("again"));
		const { result } = await server.answer("again");
		expect(result).toMatchObject({ serverInfo: { name: "mcp-process" } });
		expect(await server.ok("process_get_status", { pid })).toMatchObject({
			state: "running",
		});
		expect(isAlive(pid)).toBe(true);
		await server.expectHealthy();
	});

	it.each([["2024-11-05"], ["2025-03-26"], ["2025-06-18"], ["2025-11-25"]])(
		"agrees on version %s",
		async (protocolVersion) => {
			await using server = await RawServer.start({}, { initialize: false });
			const { result } = await server.request("initialize", {
				protocolVersion,
				capabilities: {},
				clientInfo: { name: "raw", version: "1" },
			});
			expect(result).toMatchObject({ protocolVersion });
		},
	);

	it("offers a version of its own for one that it doesn't know", async () => {
		await using server = await RawServer.start({}, { initialize: false });
		const { result } = await server.request("initialize", {
			protocolVersion: "1999-01-01",
			capabilities: {},
			clientInfo: { name: "raw", version: "1" },
		});
		expect(result).toMatchObject({
			protocolVersion: expect.stringMatching(/^202\d-\d\d-\d\d$/),
		});
	});

	it("answers 100 requests at once, each of them once", async () => {
		await using server = await RawServer.start({
			...NOISY,
			maxConcurrentProcesses: 200,
			maxLaunchesPerMinute: 1000,
		});
		const ids = Array.from({ length: 100 }, (_, index) => index + 1);
		server.write(
			ids
				.map(
					(id) =>
						`${JSON.stringify({
							jsonrpc: "2.0",
							id,
							method: "tools/call",
							params: {
								name: "process_start",
								arguments: { executable: "true" },
							},
						})}\n`,
				)
				.join(""),
		);
		const answers = await Promise.all(ids.map((id) => server.answer(id)));
		for (const { result } of answers)
			expect(result).toMatchObject({
				structuredContent: { status: "success" },
			});
		const answered = server.messages().map(({ id }) => id);
		expect(new Set(answered).size).toBe(answered.length);
		await server.expectHealthy();
	});

	it("takes a request that comes byte by byte, and several that come in one chunk", async () => {
		await using server = await RawServer.start(NOISY);
		const ping = (id: string) =>
			`${JSON.stringify({ jsonrpc: "2.0", id, method: "ping", params: { _meta: { text: "é😀" } } })}\n`;
		for (const byte of Buffer.from(ping("slow")))
			server.write(Uint8Array.of(byte));
		server.write(`${ping("one")}\r\n${ping("two")}`);
		for (const id of ["slow", "one", "two"])
			expect((await server.answer(id)).result).toEqual({});
	});
});

describe("a client that writes no messages", () => {
	it("gets an answer to each line, and does not fill its own log", async () => {
		const LINES = 20_000;
		await using server = await RawServer.start({});
		server.write("junk\n".repeat(LINES));
		expect((await server.request("ping")).result).toEqual({});
		const refused = server.stdout.match(/"code":-32700/g);
		expect(refused).toHaveLength(LINES);
		const told = server.stderr.trim().split("\n");
		expect(told.length).toBeGreaterThan(20);
		expect(told.length).toBeLessThan(40);
		expect(told.at(-1)).toMatch(
			/^mcp-process: protocol: not JSON: .* \(\d+ faults so far\)$/,
		);
	});
});
