import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { LoggingMessageNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import type { ConfigInput } from "../../src/config/schema.ts";
import { PYTHON } from "../support/programs.ts";
import { eventually, TestServer } from "../support/server.ts";

setDefaultTimeout(60_000);

const POLICY: ConfigInput = {
	allowedExecutables: [PYTHON],
	argumentValidation: "literal",
};

const HOLD_100_MB = `
import sys, time
block = bytearray(b"x") * (100 * 2**20)
print("ready", flush=True)
time.sleep(60)`;

/** A child that ignores SIGTERM does what must not be done. */
const inStubbornChild = (code: string) => `
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
${code.replace(/^/gm, "    ")}
time.sleep(60)`;

const BURN = `
import time
print("ready", flush=True)
while True: pass`;

function start(server: TestServer, code: string, limits: object) {
	return server.ok("process_start", {
		executable: PYTHON,
		args: ["-c", code],
		resourceLimits: limits,
	});
}

describe.skipIf(process.platform !== "linux")("a resource limit", () => {
	it.each([
		["in the process", HOLD_100_MB],
		["in a child that ignores SIGTERM", inStubbornChild(HOLD_100_MB)],
	])("ends a tree that takes more memory, %s", async (_, code) => {
		await using server = await TestServer.start({ ...POLICY });
		const { pid } = await start(server, code, { maxMemoryMB: 50 });
		const { termination, state } = await server.waitForEnd(pid);
		expect(state).toBe("crashed");
		expect(termination.cause).toBe("memory_limit");
		expect(termination.message).toMatch(
			/^Memory limit exceeded: \d+\.\d MB > 50 MB$/,
		);
		await eventually(async () => {
			const { processCount } = await server.ok("process_get_stats", { pid });
			return processCount === 0 || undefined;
		}, "the whole tree to be gone");
		const log = readFileSync(join(server.folder, "audit.log"), "utf8");
		expect(log).toContain('"operation":"limit"');
	});

	it("tells the client when it is passed", async () => {
		await using server = await TestServer.start({ ...POLICY });
		const notices: unknown[] = [];
		server.client.setNotificationHandler(
			LoggingMessageNotificationSchema,
			({ params }) => {
				notices.push(params);
			},
		);
		const { pid } = await server.ok("process_start", {
			executable: PYTHON,
			args: ["-c", HOLD_100_MB],
			name: "hog",
			resourceLimits: { maxMemoryMB: 50 },
		});
		const { termination } = await server.waitForEnd(pid);
		expect(notices).toEqual([
			{
				level: "warning",
				logger: "limits",
				data: {
					pid,
					name: "hog",
					cause: "memory_limit",
					message: termination.message,
				},
			},
		]);
	});

	it("counts memory that members share only once", async () => {
		await using server = await TestServer.start({ ...POLICY });
		const shared = `
import os, time
block = bytearray(b"x") * (100 * 2**20)
for _ in range(4):
    if os.fork() == 0: time.sleep(60)
print("ready", flush=True)
time.sleep(60)`;
		const { pid } = await start(server, shared, { maxMemoryMB: 250 });
		await server.waitForOutput(pid, "ready");
		const stats = await eventually(async () => {
			const now = await server.ok("process_get_stats", { pid });
			return now.memoryMB > 400 ? now : undefined;
		}, "five members with the same pages");
		expect(stats.state).toBe("running");
		// Five looks more at least, and still nobody has ended it.
		await Bun.sleep(1000);
		const status = await server.ok("process_get_status", { pid });
		expect(status.state).toBe("running");
	});

	it("slows a tree down to its share of CPU and lets it live", async () => {
		await using server = await TestServer.start({ ...POLICY });
		const two = `
import os
os.fork()
${BURN}`;
		const { pid } = await start(server, two, { maxCpuPercent: 30 });
		await server.waitForOutput(pid, "ready");
		const seconds = async () =>
			(await server.ok("process_get_stats", { pid })).cpuSeconds;
		const [before, at] = [await seconds(), performance.now()];
		await Bun.sleep(4000);
		const used = (await seconds()) - before;
		const percent = (used * 1e5) / (performance.now() - at);
		// Unlimited it would be 200, or what a busy machine leaves of it.
		expect(percent).toBeLessThan(60);
		expect(percent).toBeGreaterThan(5);
		const status = await server.ok("process_get_status", { pid });
		expect(status.state).toBe("running");
		const ended = await server.ok("process_terminate", { pid });
		expect(ended.survivors).toEqual([]);
	});

	it("of CPU ends the tree at once where enforcement is strict", async () => {
		await using server = await TestServer.start({
			...POLICY,
			strictResourceEnforcement: true,
		});
		const { pid } = await start(server, inStubbornChild(BURN), {
			maxCpuPercent: 20,
		});
		const { termination } = await server.waitForEnd(pid);
		expect(termination).toMatchObject({ cause: "cpu_limit", exitCode: 137 });
		expect(termination.message).toMatch(/^CPU limit exceeded: \d.* > 20 %$/);
	});

	it("of CPU time is no limit of time", async () => {
		await using server = await TestServer.start({ ...POLICY });
		const idle = await start(server, "import time; time.sleep(60)", {
			maxCpuTime: 0.5,
		});
		const busy = await start(server, BURN, { maxCpuTime: 0.5 });
		const { termination } = await server.waitForEnd(busy.pid);
		expect(termination.cause).toBe("cpu_time_limit");
		const status = await server.ok("process_get_status", { pid: idle.pid });
		expect(status.state).toBe("running");
	});

	it("of processes ends a tree that forks on and on", async () => {
		await using server = await TestServer.start({ ...POLICY });
		const fork = `
import os, time
for _ in range(500):
    if os.fork() == 0: time.sleep(60)
    time.sleep(0.005)
time.sleep(60)`;
		const { pid } = await start(server, fork, { maxProcesses: 10 });
		const { termination } = await server.waitForEnd(pid);
		expect(termination.cause).toBe("process_limit");
		expect(termination.message).toMatch(/^Process limit exceeded: \d+ > 10$/);
	});

	it("of descriptors is the kernel's, for each process", async () => {
		await using server = await TestServer.start({ ...POLICY });
		const open = `
import sys, time
input()
files = []
try:
    while True: files.append(open("/dev/null"))
except OSError as error:
    print(error.errno, len(files) < 32, flush=True)`;
		const { pid } = await start(server, open, { maxFileDescriptors: 32 });
		const { limits } = await server.ok("process_get_stats", { pid });
		expect(limits[0]).toMatchObject({
			name: "maxFileDescriptors",
			limit: 32,
			enforcedBy: "the kernel (RLIMIT_NOFILE)",
		});
		await server.ok("process_send_stdin", { pid, data: "go\n" });
		expect((await server.outputOf(pid)).stdout).toBe("24 True\n");
	});

	it("above the maximum is refused, and both numbers are named", async () => {
		await using server = await TestServer.start({
			...POLICY,
			maximumResourceLimits: { maxMemoryMB: 100 },
		});
		const refusal = await server.fails("process_start", {
			executable: PYTHON,
			resourceLimits: { maxMemoryMB: 200 },
		});
		expect(refusal.details?.violation).toBe("resource_maximum");
		expect(refusal.message).toContain("maxMemoryMB 200 > 100");
	});

	it("is the default, the rule's or the maximum where none is asked for", async () => {
		await using server = await TestServer.start({
			...POLICY,
			allowedExecutables: [
				{ executable: PYTHON, resourceLimits: { maxProcesses: 7 } },
				"sleep",
			],
			defaultResourceLimits: { maxMemoryMB: 300, maxCpuTime: 50 },
			maximumResourceLimits: { maxCpuTime: 20, maxProcesses: 3 },
		});
		const limitsOf = async (executable: string, args: string[]) => {
			const { pid } = await server.ok("process_start", { executable, args });
			const { limits } = await server.ok("process_get_stats", { pid });
			return Object.fromEntries(
				limits.map(({ name, limit }: Record<string, unknown>) => [name, limit]),
			);
		};
		expect(await limitsOf("sleep", ["60"])).toMatchObject({
			maxMemoryMB: 300,
			maxCpuTime: 20,
			maxProcesses: 3,
		});
		expect(
			await limitsOf(PYTHON, ["-c", "import time; time.sleep(60)"]),
		).toMatchObject({ maxProcesses: 7 });
	});
});
