import { describe, expect, it, setDefaultTimeout } from "bun:test";
import type { Message } from "../support/arrivals.ts";
import { PYTHON } from "../support/programs.ts";
import { RawServer } from "../support/raw.ts";
import { eventually, isAlive, type Success } from "../support/server.ts";
import { startTree } from "../support/tree.ts";

setDefaultTimeout(60_000);

const CONFIG = {
	allowedExecutables: [PYTHON, "sleep", "cat"],
	argumentValidation: "literal",
};

/** Longer than a whole test. */
const LONG = 100_000;

function structureOf({ result }: Message): Success {
	return (result as { structuredContent: Success }).structuredContent;
}

function call(server: RawServer, id: string, name: string, args: unknown) {
	const params = { name, arguments: args };
	server.send({ jsonrpc: "2.0", id, method: "tools/call", params });
}

/** Calls that wait for a process which does nothing; returns their ids, once all of them wait. */
async function startWaits(server: RawServer, pid: number): Promise<string[]> {
	const { cursor } = await server.ok("process_get_output", { pid });
	const waits = {
		pattern: ["process_wait", { pid, pattern: "never", timeout: LONG }],
		port: ["process_wait", { pid, port: 1, timeout: LONG }],
		idle: ["process_wait", { pid, idleMs: LONG, timeout: LONG }],
		exit: ["process_wait", { pid, exit: true, timeout: LONG }],
		poll: ["process_get_output", { pid, cursor, waitMs: LONG }],
		start: [
			"process_start",
			{
				executable: "sleep",
				args: ["60"],
				waitFor: { exit: true, timeout: LONG },
			},
		],
		write: [
			"process_send_stdin",
			{ pid, data: "x".repeat(300_000), end: true },
		],
	} as const;
	for (const [id, [name, args]] of Object.entries(waits))
		call(server, id, name, args);
	await eventually(async () => {
		const { processes } = await server.ok("process_list", { state: "running" });
		return processes.length === 2 ? true : undefined;
	}, "the second process to be started");
	return Object.keys(waits);
}

/** Ends a server; returns milliseconds from then to the first answer of each id, and to its exit. */
async function end(server: RawServer, how: (server: RawServer) => void) {
	const began = performance.now();
	how(server);
	expect(await server.waitForExit()).toEqual({ code: 0, signal: null });
	const took = performance.now() - began;
	const answered = server.arrivals.byId();
	return {
		took,
		after: (id: string) => (answered.get(id) ?? Number.NaN) - began,
	};
}

const WAYS = [
	["end of input", (server: RawServer) => server.endInput()],
	["SIGTERM", (server: RawServer) => server.signal("SIGTERM")],
] as const;

describe("the end of a session", () => {
	it.each(WAYS)(
		"by %s ends every wait with what there is to tell",
		async (_, how) => {
			await using server = await RawServer.start(CONFIG);
			const { pid } = await server.ok("process_start", {
				executable: "sleep",
				args: ["60"],
			});
			const ids = await startWaits(server, pid);
			await end(server, how);
			const answer = async (id: string) => structureOf(await server.answer(id));
			for (const id of ["pattern", "port", "idle", "exit", "start"])
				expect(await answer(id)).toMatchObject({
					event: "timeout",
					state: "running",
				});
			expect(await answer("poll")).toMatchObject({
				stdout: "",
				state: "running",
			});
			const { bytesWritten, bytesRemaining } = await answer("write");
			expect(bytesWritten).toBeGreaterThan(0);
			expect(bytesWritten + bytesRemaining).toBe(300_000);
			for (const id of ids)
				expect(
					server.messages().filter((message) => message.id === id),
				).toHaveLength(1);
		},
	);

	it("ends waits when it begins, not when stubborn trees are gone", async () => {
		await using server = await RawServer.start(CONFIG);
		const { pid } = await startTree(server, "ignore-signals.py");
		const ids = await startWaits(server, pid);
		const { took, after } = await end(server, (each) => each.endInput());
		expect(isAlive(pid)).toBe(false);
		// The tree was given its 2 s; no answer waited for that.
		expect(took).toBeGreaterThan(1900);
		for (const id of ids) {
			expect(after(id)).toBeGreaterThanOrEqual(0);
			expect(after(id)).toBeLessThan(took - 1000);
		}
	});

	it("answers a termination under way with how it ended", async () => {
		await using server = await RawServer.start(CONFIG);
		const { pid } = await startTree(server, "ignore-signals.py");
		call(server, "terminate", "process_terminate", { pid, timeout: LONG });
		await server.request("ping");
		await end(server, (each) => each.signal("SIGTERM"));
		expect(structureOf(await server.answer("terminate"))).toMatchObject({
			pid,
			signal: "SIGKILL",
			terminationReason: "forced",
			survivors: [],
		});
	});

	it("ends waits that come after it as well", async () => {
		await using server = await RawServer.start(CONFIG);
		const { pid } = await startTree(server, "ignore-signals.py");
		server.signal("SIGTERM");
		call(server, "late", "process_wait", { pid, timeout: LONG });
		const late = structureOf(await server.answer("late"));
		expect(late).toMatchObject({ event: "timeout", state: "running" });
		expect(await server.waitForExit()).toEqual({ code: 0, signal: null });
	});

	it.each([
		["is gone", (server: RawServer) => server.closeOutput()],
		["stopped reading", (server: RawServer) => server.stopReading()],
	] as const)(
		"comes with calls that wait while the client %s",
		async (_, leave) => {
			await using server = await RawServer.start(CONFIG);
			const { pid } = await server.ok("process_start", {
				executable: "sleep",
				args: ["60"],
			});
			await startWaits(server, pid);
			leave(server);
			server.endInput();
			await eventually(
				() => (isAlive(server.pid) || isAlive(pid) ? undefined : true),
				"server and process to end",
			);
		},
	);
});
