import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fixture, PYTHON } from "../support/programs.ts";
import { RawServer } from "../support/raw.ts";
import { eventually, isAlive } from "../support/server.ts";
import { pidsIn, startTree } from "../support/tree.ts";

setDefaultTimeout(60_000);

const CONFIG = {
	allowedExecutables: [PYTHON, "sleep", "cat", "true"],
	argumentValidation: "literal",
};

/** What the end of a session may take; a client kills a server that takes longer. */
const BUDGET = 5000;

/** Children of every awkward kind; returns the pid of each process of each tree. */
async function startAwkwardChildren(server: RawServer): Promise<number[]> {
	const all: number[] = [];
	for (const args of [
		[fixture("ignore-signals.py"), "family"],
		[fixture("leave-child.py"), "stubborn"],
		[fixture("stop-itself.py")],
	]) {
		const { pid } = await server.ok("process_start", {
			executable: PYTHON,
			args,
		});
		const text = await server.outputOf(pid, (stdout) => stdout.includes("\n"));
		all.push(pid, ...pidsIn(text));
	}
	const { pid } = await server.ok("process_start", {
		executable: "sleep",
		args: ["60"],
		captureOutput: false,
	});
	return [...new Set([...all, pid])];
}

describe("the end of a session", () => {
	it.each([
		["end of input", (server: RawServer) => server.endInput()],
		["SIGTERM", (server: RawServer) => server.signal("SIGTERM")],
		["SIGINT", (server: RawServer) => server.signal("SIGINT")],
		["SIGHUP", (server: RawServer) => server.signal("SIGHUP")],
	] as const)(
		"by %s ends every child and the server, exit code 0",
		async (_, end) => {
			await using server = await RawServer.start(CONFIG);
			const pids = await startAwkwardChildren(server);
			expect(pids.length).toBe(6);
			const began = performance.now();
			end(server);
			expect(await server.waitForExit()).toEqual({ code: 0, signal: null });
			expect(performance.now() - began).toBeLessThan(BUDGET);
			expect(pids.filter(isAlive)).toEqual([]);
		},
	);

	it("without children is at once", async () => {
		await using server = await RawServer.start(CONFIG);
		const began = performance.now();
		server.endInput();
		expect(await server.waitForExit()).toEqual({ code: 0, signal: null });
		expect(performance.now() - began).toBeLessThan(BUDGET / 2);
	});

	it("before anything was said is an end like any other", async () => {
		await using server = await RawServer.start(CONFIG, { initialize: false });
		server.endInput();
		expect(await server.waitForExit()).toEqual({ code: 0, signal: null });
		expect(server.stdout).toBe("");
	});

	it.each([["SIGTERM"], ["SIGINT"], ["SIGHUP"]] as const)(
		"comes with %s right after the start, too",
		async (signal) => {
			await using server = await RawServer.start(CONFIG, { initialize: false });
			server.send({ jsonrpc: "2.0", id: 1, method: "ping" });
			await server.answer(1);
			server.signal(signal);
			expect(await server.waitForExit()).toEqual({ code: 0, signal: null });
		},
	);

	it("comes at once where nobody has said anything yet", async () => {
		const times: number[] = [];
		for (let round = 0; round < 5; round++) {
			await using server = await RawServer.start(CONFIG, { initialize: false });
			// Its first record is written once it serves.
			await eventually(
				() => existsSync(join(server.folder, "audit.log")) || undefined,
				"the server to serve",
			);
			const began = performance.now();
			server.signal("SIGTERM");
			expect(await server.waitForExit()).toEqual({ code: 0, signal: null });
			times.push(performance.now() - began);
		}
		// It takes 10 ms; what would be waited for, answers, takes 250.
		expect(Math.min(...times)).toBeLessThan(200);
	});

	it("is not undone or hastened by more signals", async () => {
		await using server = await RawServer.start(CONFIG);
		const pids = await startAwkwardChildren(server);
		server.signal("SIGTERM");
		server.signal("SIGINT");
		server.signal("SIGTERM");
		server.endInput();
		expect(await server.waitForExit()).toEqual({ code: 0, signal: null });
		expect(pids.filter(isAlive)).toEqual([]);
	});

	it("delivers the last answers, large ones too", async () => {
		await using server = await RawServer.start({
			...CONFIG,
			maxResponseSize: 5_000_000,
		});
		const { pid } = await server.ok("process_start", {
			executable: "cat",
			stdin: "x".repeat(3_000_000),
			closeStdin: true,
		});
		await server.waitForEnd(pid);
		const call = (id: string, name: string, args: unknown) =>
			server.send({
				jsonrpc: "2.0",
				id,
				method: "tools/call",
				params: { name, arguments: args },
			});
		call("large", "process_get_output", { pid });
		call("start", "process_start", { executable: "true" });
		call("list", "process_list", {});
		server.endInput();
		expect(await server.waitForExit()).toEqual({ code: 0, signal: null });
		const answers = server.messages().map(({ id }) => id);
		for (const id of ["large", "start", "list"]) expect(answers).toContain(id);
		const large = await server.answer("large");
		expect(JSON.stringify(large)).toContain("x".repeat(3_000_000));
	});

	it("answers a call that waits for a process which the end ends", async () => {
		await using server = await RawServer.start(CONFIG);
		const { pid } = await startTree(server, "ignore-signals.py");
		server.send({
			jsonrpc: "2.0",
			id: "waiting",
			method: "tools/call",
			params: {
				name: "process_terminate",
				arguments: { pid, timeout: 60_000 },
			},
		});
		await server.request("ping");
		server.endInput();
		expect(await server.waitForExit()).toEqual({ code: 0, signal: null });
		expect((await server.answer("waiting")).result).toMatchObject({
			structuredContent: { pid, survivors: [] },
		});
		expect(isAlive(pid)).toBe(false);
	});
});

describe("a client that stops reading", () => {
	it("leaves neither server nor children behind when its input ends", async () => {
		await using server = await RawServer.start(CONFIG);
		const pids = await startAwkwardChildren(server);
		server.stopReading();
		for (let id = 0; id < 2000; id++)
			server.send({ jsonrpc: "2.0", id, method: "tools/list" });
		server.endInput();
		// Its end closes the pipe that nobody reads, so only the process is looked at.
		const began = performance.now();
		await eventually(
			() => (isAlive(server.pid) ? undefined : true),
			"the server to end",
		);
		expect(performance.now() - began).toBeLessThan(BUDGET * 10);
		expect(pids.filter(isAlive)).toEqual([]);
	});

	it("doesn't stop the server from answering once it reads again", async () => {
		await using server = await RawServer.start(CONFIG);
		server.stopReading();
		// Many megabytes, of which the pipe takes a part of one.
		for (let id = 5000; id < 5250; id++)
			server.send({ jsonrpc: "2.0", id, method: "tools/list" });
		server.send({ jsonrpc: "2.0", id: "last", method: "ping" });
		server.resumeReading();
		await server.answer("last");
		await server.answer(5249);
		await server.expectHealthy();
	});

	it("that closes its side of the output ends the session", async () => {
		await using server = await RawServer.start(CONFIG);
		const pids = await startAwkwardChildren(server);
		server.closeOutput();
		// What it wrote before the pipe was closed, it could write.
		await eventually(() => {
			server.send({ jsonrpc: "2.0", id: 1, method: "ping" });
			return isAlive(server.pid) ? undefined : true;
		}, "the server to end");
		expect(pids.filter(isAlive)).toEqual([]);
	});
});
