import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ConfigInput } from "../../src/config/schema.ts";
import { childrenOf } from "../../src/platform/procfs.ts";
import { killQuietly } from "../support/managed.ts";
import { fixture, PYTHON } from "../support/programs.ts";
import { eventually, isAlive, Scratch, TestServer } from "../support/server.ts";

// Hundreds of processes one after the other take a slow machine its time.
setDefaultTimeout(120_000);

/** The classic daemon: a session of its own, and a parent that ends at once. */
const DAEMON = `
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        time.sleep(60)
    os._exit(0)
os.wait()
time.sleep(60)`;

/** One that holds nothing any more by which it could be known. */
const SILENT = DAEMON.replace(
	"time.sleep(60)",
	`null = os.open("/dev/null", os.O_RDWR)
        for stream in (0, 1, 2): os.dup2(null, stream)
        time.sleep(60)`,
);

// The server itself, as only its own process adopts what its children leave.
describe.skipIf(process.platform !== "linux")("a daemon", () => {
	const CONFIG: ConfigInput = {
		allowedExecutables: [PYTHON, "sleep"],
		argumentValidation: "literal",
		maxConcurrentProcesses: 200,
	};

	async function startDaemon(server: TestServer, code: string) {
		const { pid } = await server.ok("process_start", {
			executable: PYTHON,
			args: ["-c", code],
		});
		const { stdout } = await server.waitForOutput(pid, "\n");
		return { pid, daemon: Number(stdout) };
	}

	const toEnd = (pid: number) =>
		eventually(() => (isAlive(pid) ? undefined : true), "its end", 5000);

	it.each([
		["that holds its output", DAEMON],
		["that holds nothing", SILENT],
	])("%s ends with the process that left it behind", async (_, code) => {
		await using server = await TestServer.start(CONFIG);
		const { pid, daemon } = await startDaemon(server, code);
		try {
			expect(isAlive(daemon)).toBe(true);
			const { survivors } = await server.ok("process_terminate", { pid });
			expect(survivors).toEqual([]);
			expect(isAlive(daemon)).toBe(false);
		} finally {
			killQuietly(daemon);
		}
	});

	it("is not taken for another process's", async () => {
		await using server = await TestServer.start(CONFIG);
		const one = await startDaemon(server, DAEMON);
		const other = await startDaemon(server, DAEMON);
		try {
			await server.ok("process_terminate", { pid: one.pid });
			expect(isAlive(one.daemon)).toBe(false);
			expect(isAlive(other.daemon)).toBe(true);
			const { processCount } = await server.ok("process_get_stats", {
				pid: other.pid,
			});
			expect(processCount).toBe(2);
		} finally {
			killQuietly(one.daemon);
			killQuietly(other.daemon);
		}
	});

	it.each([
		["that holds its output", DAEMON],
		["that holds nothing", SILENT],
	])("%s ends with the server, also one of several", async (_, code) => {
		await using server = await TestServer.start(CONFIG);
		await server.ok("process_start", { executable: "sleep", args: ["60"] });
		const { daemon } = await startDaemon(server, code);
		const other = await startDaemon(server, code);
		try {
			await server.client.close();
			await toEnd(daemon);
			await toEnd(other.daemon);
		} finally {
			killQuietly(daemon);
			killQuietly(other.daemon);
		}
	});

	it("that has ended leaves no zombie, nor do dozens of them", async () => {
		await using server = await TestServer.start({
			...CONFIG,
			maxLaunchesPerMinute: 1000,
		});
		const code = `
import os
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0: os._exit(0)
    os._exit(0)
os._exit(0)`;
		for (let count = 0; count < 40; count++) {
			const start = { executable: PYTHON, args: ["-S", "-E", "-c", code] };
			const { pid } = await server.ok("process_start", start);
			await server.waitForEnd(pid);
		}
		await eventually(() => {
			// The guard's shell lives as long as the server.
			const children = childrenOf(server.pid);
			return children.length <= 1 || undefined;
		}, "the last zombie to be reaped");
	});

	it("that forks and ends on and on does not fill the table of processes", async () => {
		using scratch = new Scratch();
		await using server = await TestServer.start(CONFIG);
		const trace = join(scratch.path, "trace");
		const { pid } = await server.ok("process_start", {
			executable: PYTHON,
			args: [fixture("comet.py"), trace, "60"],
		});
		const generations = () => (existsSync(trace) ? statSync(trace).size : 0);
		await eventually(() => generations() > 200 || undefined, "it to get going");
		const counts: number[] = [];
		const start = generations();
		// Unreaped, they would be some hundreds by then. A slow machine forks a few dozen times a second, a fast one a thousand times.
		const deadline = performance.now() + 20_000;
		while (generations() < start + 700 && performance.now() < deadline) {
			counts.push(childrenOf(server.pid).length);
			await Bun.sleep(20);
		}
		const median = counts.toSorted((a, b) => a - b)[counts.length >> 1] ?? 0;
		expect(generations() - start).toBeGreaterThan(600);
		expect(median).toBeLessThan(300);
		const { survivors } = await server.ok("process_terminate", {
			pid,
			timeout: 100,
		});
		expect(survivors).toEqual([]);
	});
});
