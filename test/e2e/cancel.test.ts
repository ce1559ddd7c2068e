import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { linesOf } from "../support/audit.ts";
import { cpuSecondsOf, memoryMBOf } from "../support/proc.ts";
import { PYTHON } from "../support/programs.ts";
import { initializeRequest, RawServer } from "../support/raw.ts";
import { eventually, type Success } from "../support/server.ts";

setDefaultTimeout(120_000);

const CONFIG = {
	allowedExecutables: [PYTHON, "sleep", "cat", "true"],
	argumentValidation: "literal",
};

/** Longer than a whole test. */
const LONG = 200_000;

function call(
	server: RawServer,
	id: string | number,
	name: string,
	args: unknown,
) {
	const params = { name, arguments: args };
	server.send({ jsonrpc: "2.0", id, method: "tools/call", params });
}

function cancel(server: RawServer, requestId: string | number) {
	const params = { requestId, reason: "enough" };
	server.send({ jsonrpc: "2.0", method: "notifications/cancelled", params });
}

/** That nothing is said of calls that were given up, to the server's end. */
async function expectSilence(server: RawServer, ids: readonly string[]) {
	await server.expectHealthy();
	server.endInput();
	expect(await server.waitForExit()).toEqual({ code: 0, signal: null });
	const answered = server.messages().map(({ id }) => String(id));
	expect(answered.filter((id) => ids.includes(id))).toEqual([]);
}

async function startCat(server: RawServer): Promise<number> {
	const { pid } = await server.ok("process_start", { executable: "cat" });
	return Number(pid);
}

/** What a call that waits for a process is called with, by kind. */
const WAITS = {
	pattern: ["process_wait", { pattern: "never", timeout: LONG }],
	port: ["process_wait", { port: 1, timeout: LONG }],
	idle: ["process_wait", { idleMs: LONG, timeout: LONG }],
	exit: ["process_wait", { exit: true, timeout: LONG }],
	poll: ["process_get_output", { waitMs: LONG }],
	lines: ["process_get_output", { waitMs: LONG, pattern: "never" }],
} as const;

describe("a call that the client cancels", () => {
	it.each(Object.entries(WAITS))(
		"a wait (%s) ends at once, unanswered, and touches nothing",
		async (_, [name, args]) => {
			await using server = await RawServer.start(CONFIG);
			const pid = await startCat(server);
			call(server, "wait", name, { pid, ...args });
			await server.request("ping");
			cancel(server, "wait");
			// What would have ended the wait comes to nobody.
			await server.ok("process_send_stdin", {
				pid,
				data: "never\n",
				end: true,
			});
			expect(await server.waitForEnd(pid)).toMatchObject({ exitCode: 0 });
			await expectSilence(server, ["wait"]);
		},
	);

	it("process_start with waitFor leaves the process running", async () => {
		await using server = await RawServer.start(CONFIG);
		call(server, "start", "process_start", {
			executable: "cat",
			name: "kept",
			waitFor: { pattern: "never", timeout: LONG },
		});
		const { pid } = await eventually(async () => {
			const { processes } = await server.ok("process_list", { name: "kept" });
			const [first]: Success[] = processes;
			return first;
		}, "the process to be started");
		cancel(server, "start");
		await server.ok("process_send_stdin", { pid, data: "never\n", end: true });
		expect(await server.waitForEnd(pid)).toMatchObject({ exitCode: 0 });
		expect(await server.ok("process_get_output", { pid })).toMatchObject({
			stdout: "never\n",
		});
		await expectSilence(server, ["start"]);
	});

	it("process_send_stdin withdraws exactly what was not written, and the input works on", async () => {
		await using server = await RawServer.start(CONFIG);
		const { pid } = await server.ok("process_start", {
			executable: PYTHON,
			args: ["-c", LATE_READER],
		});
		await server.outputOf(pid, (stdout) => stdout.includes("ready"));
		const ids = ["first", "queued"];
		const data = "x".repeat(300_000);
		for (const id of ids)
			call(server, id, "process_send_stdin", { pid, data, end: true });
		await server.request("ping");
		for (const id of ids) cancel(server, id);
		const last = server.ok("process_send_stdin", {
			pid,
			data: "yyyy",
			end: true,
		});
		await server.request("ping");
		process.kill(pid, "SIGUSR1");
		expect(await last).toMatchObject({ bytesWritten: 4 });
		await server.waitForEnd(pid);
		const text = await server.outputOf(pid, (stdout) => stdout.includes("y"));
		const read = Number(/x (\d+) y 4\n/.exec(text)?.[1]);
		expect(read).toBeGreaterThan(0);
		expect(read).toBeLessThan(300_000);
		const written = linesOf(join(server.folder, "audit.log")).filter(
			({ operation }) => operation === "stdin",
		);
		expect(written).toMatchObject([
			{ result: "partly written", bytes: read },
			{ result: "partly written", bytes: 0 },
			{ result: "written", bytes: 4 },
		]);
		await expectSilence(server, ids);
	});

	it.each([[0], [""], [-1], ["a"]])(
		"is given up also where its id is %j",
		async (id) => {
			await using server = await RawServer.start(CONFIG, { initialize: false });
			server.send(initializeRequest("first"));
			await server.answer("first");
			const pid = await startCat(server);
			const wait = { pid, timeout: LONG };
			call(server, id, "process_wait", wait);
			await server.request("ping");
			cancel(server, id);
			await server.ok("process_terminate", { pid });
			await expectSilence(server, [String(id)]);
		},
	);

	it("with id 0 is answered with that id where it is not cancelled", async () => {
		await using server = await RawServer.start(CONFIG, { initialize: false });
		server.send(initializeRequest(0));
		expect(await server.answer(0)).toMatchObject({ id: 0, result: {} });
		server.send({ jsonrpc: "2.0", id: "", method: "ping" });
		expect(await server.answer("")).toMatchObject({ id: "", result: {} });
	});

	it("is not answered by its process's end, which all others hear of", async () => {
		await using server = await RawServer.start(CONFIG);
		const pid = await startCat(server);
		const names = Array.from({ length: 40 }, (_, index) => `wait ${index}`);
		for (const id of names)
			call(server, id, "process_wait", { pid, timeout: LONG });
		await server.request("ping");
		const gone = names.filter((_, index) => index % 2 === 0);
		for (const id of gone) cancel(server, id);
		await server.ok("process_terminate", { pid });
		for (const id of names)
			if (!gone.includes(id))
				expect((await server.answer(id)).result).toMatchObject({
					structuredContent: { event: "exit" },
				});
		await expectSilence(server, gone);
	});
});

describe.skipIf(process.platform !== "linux")(
	"a thousand cancelled waits",
	() => {
		it("cost the server nothing any more", async () => {
			await using server = await RawServer.start(CONFIG);
			const pid = await startCat(server);
			const kinds = Object.values(WAITS);
			const round = async (name: string) => {
				const ids = Array.from(
					{ length: 1000 },
					(_, index) => `${name} ${index}`,
				);
				for (const [index, id] of ids.entries()) {
					const [tool, args] = kinds[index % kinds.length] ?? WAITS.exit;
					call(server, id, tool, { pid, ...args });
				}
				await server.request("ping");
				for (const id of ids) cancel(server, id);
				await server.request("ping");
				return ids;
			};
			const descriptors = () => readdirSync(`/proc/${server.pid}/fd`).length;
			const first = await round("first");
			const [files, memory] = [descriptors(), memoryMBOf(server.pid)];
			for (let count = 0; count < 5; count++) await round(`round ${count}`);
			expect(descriptors()).toBe(files);
			expect(memoryMBOf(server.pid) - memory).toBeLessThan(100);
			const asked = performance.now();
			await server.request("ping");
			expect(performance.now() - asked).toBeLessThan(1000);
			// What was left behind would look at ports and wake for its time.
			const used = cpuSecondsOf(server.pid);
			await Bun.sleep(1000);
			expect(cpuSecondsOf(server.pid) - used).toBeLessThan(0.3);
			await expectSilence(server, first);
		});
	},
);

/** Reads nothing until it gets SIGUSR1; then says how many bytes of each letter there are. */
const LATE_READER = `
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
print("ready", flush=True)
signal.sigwait([signal.SIGUSR1])
data = sys.stdin.read()
print("x", data.count("x"), "y", data.count("y"), flush=True)`;
