import { describe, expect, it, setDefaultTimeout } from "bun:test";
import type { ConfigInput } from "../../src/config/schema.ts";
import { PYTHON } from "../support/programs.ts";
import { eventually, isAlive, TestServer } from "../support/server.ts";
import { screenOf, screenShows, startInTerminal } from "../support/terminal.ts";

setDefaultTimeout(120_000);

const CONFIG: ConfigInput = {
	allowedExecutables: [PYTHON, "sleep"],
	argumentValidation: "literal",
};

/** Ignores what it can, and starts a daemon that left its session and parent and keeps the terminal. */
const STUBBORN = `
import os, signal, time
for name in ("SIGHUP", "SIGTERM", "SIGINT"): signal.signal(getattr(signal, name), signal.SIG_IGN)
if os.fork() == 0:
  os.setsid()
  if os.fork(): os._exit(0)
  print("daemon", os.getpid(), flush=True)
  while True: time.sleep(1)
os.wait()
`;

/** The pid that a line of the screen names. */
async function daemonOf(server: TestServer, pid: number): Promise<number> {
	const { lines } = await screenShows(server, pid, /^daemon \d+$/m);
	return Number(/daemon (\d+)/.exec(lines.join("\n"))?.[1]);
}

describe.skipIf(process.platform !== "linux")("the end of a terminal", () => {
	it("comes with the server's, by SIGKILL, and takes all in it along", async () => {
		await using server = await TestServer.start(CONFIG);
		const pids: number[] = [];
		for (let n = 0; n < 3; n++) {
			const program = ["-c", `${STUBBORN}while True: time.sleep(1)`];
			const pid = await startInTerminal(server, PYTHON, program);
			pids.push(pid, await daemonOf(server, pid));
		}
		expect(pids.filter(isAlive)).toEqual(pids);
		const killed = performance.now();
		process.kill(server.pid, "SIGKILL");
		await eventually(
			() => (pids.some(isAlive) ? undefined : true),
			"all in the terminals to end",
		);
		// A second is promised.
		expect(performance.now() - killed).toBeLessThan(10_000);
	});

	it("leaves a daemon that keeps it, which is read on and ended like any", async () => {
		await using server = await TestServer.start(CONFIG);
		const program = ["-c", `${STUBBORN}print("over")`];
		const pid = await startInTerminal(server, PYTHON, program);
		const daemon = await daemonOf(server, pid);
		expect(await server.waitForEnd(pid)).toMatchObject({ exitCode: 0 });
		expect(isAlive(daemon)).toBe(true);
		await server.ok("process_terminate", { pid, timeout: 100 });
		expect(isAlive(daemon)).toBe(false);
		const { lines } = await screenOf(server, pid);
		expect(lines.toSorted()).toEqual([`daemon ${daemon}`, "over"]);
	});

	it.each([
		["memory_limit", { maxMemoryMB: 60 }, "x = 'x' * 300_000_000"],
		["cpu_time_limit", { maxCpuTime: 1 }, ""],
		[
			"process_limit",
			{ maxProcesses: 3 },
			// Once it has too many, it may have no more.
			"import contextlib\nwith contextlib.suppress(OSError): [os.fork() for n in range(4)]",
		],
	] as const)("comes with a limit: %s", async (cause, resourceLimits, line) => {
		await using server = await TestServer.start(CONFIG);
		const program = `
import os, sys
print("\\x1b[6n\\x1b[31mbefore", flush=True)
${line}
while True: pass`;
		const pid = await startInTerminal(server, PYTHON, ["-c", program], {
			resourceLimits,
		});
		const { termination } = await server.waitForEnd(pid);
		expect(termination).toMatchObject({ cause });
		expect((await screenOf(server, pid)).lines).toEqual(["before"]);
	});

	it("comes with its timeout", async () => {
		await using server = await TestServer.start(CONFIG);
		const pid = await startInTerminal(server, "sleep", ["600"], {
			timeout: 300,
		});
		const { termination } = await server.waitForEnd(pid);
		expect(termination).toMatchObject({ cause: "timeout" });
	});
});
