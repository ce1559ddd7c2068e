import { describe, expect, it, setDefaultTimeout } from "bun:test";
import type { ConfigInput } from "../../src/config/schema.ts";
import { freePort } from "../support/port.ts";
import { RawServer } from "../support/raw.ts";
import { type Success, TestServer } from "../support/server.ts";
import { until } from "../support/services.ts";

setDefaultTimeout(60_000);

const CONFIG: ConfigInput = {
	allowedExecutables: ["python3"],
	argumentValidation: "literal",
};

/** Longer than a whole test. */
const LONG = 100_000;
const serviceId = "c";
/** After the output of the first process. */
const cursor = "1:5.0";

// In one write: print's end of the line is another.
const CRASH = "import sys; sys.stdout.write('boot\\n'); raise SystemExit(1)";

/** Starts a service, and waits until it has crashed once. */
async function startCrashed(
	server: TestServer | RawServer,
	program: string,
	restartPolicy: Record<string, unknown>,
): Promise<void> {
	await server.ok("process_start_service", {
		name: serviceId,
		executable: "python3",
		args: ["-uc", program],
		restartPolicy,
	});
	const { event } = await server.ok("process_wait", { serviceId });
	expect(event).toBe("exit");
}

/** Once in its folder it crashes, and then listens on a port, which it prints. */
const SECOND_TIME = [
	"import os, socket, sys, time",
	"sys.stdout.write('boot\\n')",
	"if not os.path.exists('once'): open('once', 'w'); raise SystemExit(1)",
	"s = socket.create_server(('127.0.0.1', 0)); sys.stdout.write(f'{s.getsockname()[1]}\\n')",
	"time.sleep(600)",
].join("\n");

describe.skipIf(process.platform === "win32")(
	"between two processes of a service",
	() => {
		it("waitMs waits for the output of the next one, and says that it comes", async () => {
			await using server = await TestServer.start(CONFIG);
			await startCrashed(server, CRASH, { backoffMs: 1500 });
			await until(server, serviceId, ({ state }) => state === "backoff");
			const read = (waitMs: number): Promise<Success> =>
				server.ok("process_get_output", { serviceId, cursor, waitMs });
			const none = await read(50);
			expect(none).toMatchObject({
				stdout: "",
				cursor,
				state: "crashed",
				serviceState: "backoff",
			});
			expect(none.nextStartInMs).toBeLessThanOrEqual(1500);
			expect(await read(20_000)).toMatchObject({
				run: 2,
				stdout: "boot\n",
				cursor: "2:5.0",
			});
		});

		it("waitMs also passes over lines that don't match", async () => {
			await using server = await TestServer.start(CONFIG);
			await startCrashed(server, SECOND_TIME, { backoffMs: 500 });
			expect(
				await server.ok("process_get_output", {
					serviceId,
					pattern: "^[0-9]",
					waitMs: 20_000,
				}),
			).toMatchObject({ run: 2, stdout: expect.stringMatching(/^2:\d+\n$/) });
		});

		it("an end ends process_wait in its time, where it was asked for, and with output that was not read", async () => {
			await using server = await TestServer.start(CONFIG);
			await startCrashed(server, CRASH, { backoffMs: 500 });
			expect(
				await server.ok("process_wait", {
					serviceId,
					cursor,
					pattern: "never",
				}),
			).toMatchObject({
				event: "exit",
				stdout: "boot\n",
				cursor: "2:5.0",
				exitCode: 1,
				serviceState: expect.stringMatching(/recovering|backoff/),
			});
			// It was asked for.
			const rest = { serviceId, cursor: "2:5.0" };
			expect(await server.ok("process_wait", rest)).toMatchObject({
				event: "exit",
				cursor: "2:5.0",
			});
			// What was not read yet is told with it.
			const unread = { serviceId, cursor: "2:0.0", pattern: "never" };
			expect(await server.ok("process_wait", unread)).toMatchObject({
				event: "exit",
				stdout: "boot\n",
				cursor: "2:5.0",
			});
		});

		it.each([
			["a cursor", { cursor, pattern: "boot" }],
			["no cursor", { pattern: "^[0-9]" }],
			["silence", { cursor, idleMs: 100 }],
		])("process_wait goes on with the next one (%s)", async (_, more) => {
			await using server = await TestServer.start(CONFIG);
			await startCrashed(server, SECOND_TIME, { backoffMs: 500 });
			const wait = { serviceId, timeout: 20_000, ...more };
			const result = await server.ok("process_wait", wait);
			expect(result).toMatchObject({
				event: "idleMs" in more ? "idle" : "pattern",
				state: "running",
				serviceState: "running",
				cursor: expect.stringMatching(/^2:/),
			});
			expect(result.elapsedMs).toBeGreaterThan(200);
		});

		it("process_wait waits for a port of the next one, up to its time", async () => {
			await using server = await TestServer.start(CONFIG);
			const port = freePort();
			const program = SECOND_TIME.replace("1', 0", `1', ${port}`);
			await startCrashed(server, program, { backoffMs: 500 });
			const wait = { serviceId, cursor, port };
			expect(
				await server.ok("process_wait", { ...wait, timeout: 50 }),
			).toMatchObject({ event: "timeout", state: "crashed", cursor });
			expect(await server.ok("process_wait", wait)).toMatchObject({
				event: "port",
				state: "running",
			});
		});

		it("a stop ends the wait", async () => {
			await using server = await TestServer.start(CONFIG);
			await startCrashed(server, CRASH, { backoffMs: LONG });
			const waits = Promise.all([
				server.ok("process_get_output", { serviceId, cursor, waitMs: LONG }),
				server.ok("process_wait", {
					serviceId,
					cursor,
					pattern: "boot",
					timeout: LONG,
				}),
			]);
			await server.ok("process_stop_service", { serviceId });
			const [output, wait] = await waits;
			const told = { cursor, state: "crashed", serviceState: "stopped" };
			expect(output).toMatchObject({ ...told, stdout: "" });
			expect(wait).toMatchObject({ ...told, event: "exit" });
		});

		it("so does its being given up, as of one that could not be started again", async () => {
			await using server = await TestServer.start(CONFIG);
			const program = `import os; os.rmdir(os.getcwd()); ${CRASH}`;
			await server.ok("process_start", {
				executable: "python3",
				args: ["-c", "import os; os.mkdir('gone')"],
				waitFor: { exit: true },
			});
			await server.ok("process_start_service", {
				name: serviceId,
				executable: "python3",
				args: ["-uc", program],
				cwd: `${server.folder}/gone`,
				restartPolicy: { backoffMs: 300, maxRetries: 1 },
			});
			await server.ok("process_wait", { serviceId });
			const wait = { serviceId, cursor, port: 1, timeout: LONG };
			expect(await server.ok("process_wait", wait)).toMatchObject({
				event: "exit",
				serviceState: "failed",
			});
			const read = { serviceId, cursor, waitMs: LONG };
			expect(await server.ok("process_get_output", read)).toMatchObject({
				stdout: "",
				serviceState: "failed",
			});
		});

		it("the server's end ends the wait", async () => {
			await using server = await RawServer.start(CONFIG);
			await startCrashed(server, CRASH, { backoffMs: LONG });
			const waits = {
				process_get_output: { waitMs: LONG },
				process_wait: { pattern: "never", timeout: LONG },
			};
			for (const [name, more] of Object.entries(waits))
				server.send({
					jsonrpc: "2.0",
					id: name,
					method: "tools/call",
					params: { name, arguments: { serviceId, cursor, ...more } },
				});
			await server.request("ping");
			server.endInput();
			expect(await server.waitForExit()).toEqual({ code: 0, signal: null });
			for (const id of Object.keys(waits))
				expect(await server.answer(id)).toMatchObject({
					result: { structuredContent: { stdout: "", cursor } },
				});
		});
	},
);

describe.skipIf(process.platform === "win32")("a service's cursor", () => {
	it("goes with the pid of its run too, and with no other", async () => {
		await using server = await TestServer.start(CONFIG);
		await startCrashed(server, SECOND_TIME, { backoffMs: 100 });
		const first = await server.ok("process_get_output", {
			serviceId,
			cursor: "1:0.0",
		});
		const { pid } = await server.ok("process_wait", {
			serviceId,
			cursor,
			pattern: "^[0-9]",
		});
		const rest = { pid: first.pid, cursor: "1:2.0" };
		expect(await server.ok("process_get_output", rest)).toMatchObject({
			stdout: "ot\n",
			cursor: "5.0",
		});
		expect(
			await server.ok("process_get_output", { pid, cursor: "2:1.0" }),
		).toMatchObject({ stdout: expect.stringMatching(/^oot\n/) });
		const of = (pid: number) =>
			server.fails("process_get_output", { pid, cursor: "1:2.0" });
		expect(await of(pid)).toMatchObject({
			code: "INVALID_ARGUMENT",
			message: `cursor: "1:2.0" is a service's, and not of the run that process ${pid} is`,
			remediation: expect.stringContaining('serviceId "c"'),
		});
		const other = await server.ok("process_start", { executable: "python3" });
		expect((await of(other.pid)).remediation).toContain("serviceId");
		await server.ok("process_terminate", { pid: other.pid, force: true });
	});
});
