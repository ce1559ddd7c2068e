import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ConfigInput } from "../../src/config/schema.ts";
import { fixture, PYTHON } from "../support/programs.ts";
import { Scratch, TestServer } from "../support/server.ts";

setDefaultTimeout(60_000);

const CONFIG: ConfigInput = {
	allowedExecutables: [PYTHON],
	argumentValidation: "literal",
};
/** Milliseconds in which a tree that takes too much is to be stopped. */
const PROMPT = 300;
const LIMIT = 300;

/** Whether it has ended a while later: a limit is looked at many times a second. */
async function lives(server: TestServer, pid: number, milliseconds: number) {
	await Bun.sleep(milliseconds);
	const { state, termination } = await server.ok("process_get_status", { pid });
	expect({ state, termination }).toEqual({
		state: "running",
		termination: undefined,
	});
}

const run = (server: TestServer, code: string, limits: object) =>
	server.ok("process_start", {
		executable: PYTHON,
		args: ["-c", code],
		resourceLimits: limits,
	});

const LINUX = process.platform === "linux";
const PLACES = ["self", "child", "grandchild"] as const;

describe.skipIf(!LINUX)("a hog that takes a gigabyte a second", () => {
	for (const strict of [false, true])
		for (const where of PLACES)
			for (const manner of ["heed", "ignore"] as const)
				it(`is ${strict ? "dead" : "told to end"} in time: in ${where}, which would ${manner} SIGTERM`, async () => {
					using scratch = new Scratch();
					const path = join(scratch.path, "report.json");
					await using server = await TestServer.start({
						...CONFIG,
						strictResourceEnforcement: strict,
					});
					const { pid } = await server.ok("process_start", {
						executable: PYTHON,
						args: [fixture("hog.py"), where, manner, String(LIMIT), path],
						resourceLimits: { maxMemoryMB: LIMIT },
					});
					const status = await server.waitForEnd(pid);
					const report = JSON.parse(readFileSync(path, "utf8"));
					const stopped = strict ? report.last : report.term;
					const over = Math.min(report.over ?? stopped, stopped);
					const delay = (stopped - over) * 1000;
					console.log(
						`${strict ? "strict, " : ""}${where}, ${manner}: ${delay.toFixed(0)} ms, ${report.mb} MB at the end`,
					);
					expect(delay).toBeLessThan(PROMPT);
					expect(report).not.toContainKey(strict ? "term" : "none");
					const { cause, message } = status.termination;
					expect(cause).toBe("memory_limit");
					const [, used] =
						/^Memory limit exceeded: (\d+\.\d) MB > 300 MB$/.exec(message) ??
						[];
					expect(Number(used)).toBeGreaterThan(LIMIT);
					expect(Number(used)).toBeLessThan(LIMIT + 1000);
					expect(status.state).toBe("crashed");
					if (strict || (where === "self" && manner === "ignore"))
						expect(status.exitCode).toBe(137);
					const records = readFileSync(join(server.folder, "audit.log"), "utf8")
						.trimEnd()
						.split("\n")
						.map((line) => JSON.parse(line))
						.filter(({ operation }) => operation === "limit");
					expect(records).toMatchObject([
						{ pid, result: "memory_limit", reason: message },
					]);
				});
});

describe.skipIf(!LINUX)("a memory limit", () => {
	it("is told with what counts against it", async () => {
		await using server = await TestServer.start(CONFIG);
		const shared = `
import os, time
block = bytearray(b"x") * (100 * 2**20)
for _ in range(4):
    if os.fork() == 0: time.sleep(60)
print("ready", flush=True)
time.sleep(60)`;
		const { pid } = await run(server, shared, { maxMemoryMB: 250 });
		await server.waitForOutput(pid, "ready");
		const { limits } = await server.ok("process_get_stats", { pid });
		const used = limits.find(
			({ name }: { name: string }) => name === "maxMemoryMB",
		)?.used;
		expect(used).toBeGreaterThan(100);
		expect(used).toBeLessThan(150);
	});

	// These look on for seconds, and count memory alone: they can do it together.
	it.concurrent("counts shared pages once while those who share them come and go", async () => {
		await using server = await TestServer.start(CONFIG);
		const workers = `
import os, time
block = bytearray(b"x") * (100 * 2**20)
end = time.monotonic() + 8
living = 0
print("ready", flush=True)
while time.monotonic() < end:
    if living < 6:
        living += 1
        if os.fork() == 0:
            time.sleep(0.01)
            os._exit(0)
    else:
        os.wait()
        living -= 1
time.sleep(60)`;
		const { pid } = await run(server, workers, { maxMemoryMB: 250 });
		await server.waitForOutput(pid, "ready");
		await lives(server, pid, 8000);
	});

	it.concurrent("does not count a process twice that is about to start another one", async () => {
		await using server = await TestServer.start(CONFIG);
		// posix_spawn() shares the memory until the other program is there.
		const spawner = `
import os, sys, time
block = bytearray(b"x") * (200 * 2**20)
print("ready", flush=True)
end = time.monotonic() + 8
while time.monotonic() < end:
    os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)
time.sleep(60)`;
		const { pid } = await run(server, spawner, { maxMemoryMB: 300 });
		await server.waitForOutput(pid, "ready");
		const seen: number[] = [];
		const end = performance.now() + 8000;
		while (performance.now() < end) {
			const stats = await server.ok("process_get_stats", { pid });
			if (stats.state !== "running") break;
			seen.push(stats.peakMemoryMB);
			await Bun.sleep(5);
		}
		console.log(`peak of a spawner of 210 MB: ${Math.max(...seen)} MB`);
		await lives(server, pid, 0);
		expect(Math.max(...seen)).toBeLessThan(260);
	});

	it.concurrent("that is not passed does not end who comes near it, again and again", async () => {
		await using server = await TestServer.start(CONFIG);
		const wave = `
import time
print("ready", flush=True)
while True:
    block = bytearray(b"x") * (200 * 2**20)
    time.sleep(0.02)
    del block
    time.sleep(0.02)`;
		const { pid } = await run(server, wave, { maxMemoryMB: 240 });
		await server.waitForOutput(pid, "ready");
		await lives(server, pid, 4000);
	});
});
