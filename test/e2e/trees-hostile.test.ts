import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { join } from "node:path";
import { childrenOf } from "../../src/platform/procfs.ts";
import { killQuietly } from "../support/managed.ts";
import { Mark, sizeOf } from "../support/marked.ts";
import { PYTHON } from "../support/programs.ts";
import { RawServer } from "../support/raw.ts";
import { eventually, isAlive, Scratch, TestServer } from "../support/server.ts";
import { startTree } from "../support/tree.ts";
import { WAYS } from "../support/ways.ts";

setDefaultTimeout(60_000);

const CONFIG = {
	allowedExecutables: [PYTHON, "sleep"],
	argumentValidation: "literal" as const,
	maxConcurrentProcesses: 100,
};

const STUBBORN = `
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)`;

describe.each([...WAYS])("$name,", ({ wrapper }) => {
	it("a patient termination holds no urgent one up", async () => {
		await using server = await TestServer.start(CONFIG, { wrapper });
		const { pid } = await server.ok("process_start", {
			executable: PYTHON,
			args: ["-c", STUBBORN],
		});
		await server.waitForOutput(pid, "ready");
		const patient = Array.from({ length: 6 }, () =>
			server.ok("process_terminate", { pid, timeout: 30_000 }),
		);
		const urgent = await server.ok("process_terminate", { pid, timeout: 50 });
		expect(urgent).toMatchObject({
			terminationReason: "forced",
			survivors: [],
		});
		// Who waited patiently is told what another one did.
		for (const answer of await Promise.all(patient))
			expect(answer).toMatchObject({
				terminationReason: "forced",
				signal: "SIGKILL",
			});
	});

	it("what a shell had started before it became the server is left alone", async () => {
		await using mark = new Mark();
		await using server = await TestServer.start(CONFIG, {
			wrapper: [...wrapper, "sh", "-c", `sleep ${mark.text} & exec "$@"`, "sh"],
		});
		const { pid } = await server.ok("process_start", {
			executable: "sleep",
			args: ["60"],
		});
		const [stranger] = await eventually(
			() => (mark.alive().length === 1 ? mark.alive() : undefined),
			"the stranger",
		);
		const serverPid = server.pid;
		await server.client.close();
		await eventually(() => !isAlive(pid) || undefined, "the end of the child");
		await eventually(
			() => !isAlive(serverPid) || undefined,
			"the end of the server",
		);
		expect(isAlive(stranger ?? 0)).toBe(true);
	});

	it("a guard that somebody killed is replaced while processes run", async () => {
		await using mark = new Mark();
		await using server = await RawServer.start(CONFIG, { wrapper });
		const { pid } = await startTree(server, "ignore-signals.py", [
			"family",
			mark.text,
		]);
		const guardOf = () =>
			childrenOf(server.pid).find((child) => child !== pid && isAlive(child));
		const guard = await eventually(guardOf, "the guard");
		killQuietly(guard);
		await eventually(() => {
			const other = guardOf();
			return (other !== undefined && other !== guard) || undefined;
		}, "another guard");
		server.signal("SIGKILL");
		await eventually(
			() => mark.alive().length === 0 || undefined,
			"everything to end",
			10_000,
		);
	});

	it("a process that follows itself on and on in one group ends with a server that is killed", async () => {
		using scratch = new Scratch();
		await using mark = new Mark();
		await using server = await RawServer.start(CONFIG, { wrapper });
		const trace = join(scratch.path, "trace");
		const code = `
import os, sys, time
end = time.monotonic() + 20
trace = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
while time.monotonic() < end:
    if os.fork() > 0: os._exit(0)
    os.write(trace, b".")`;
		await server.ok("process_start", {
			executable: PYTHON,
			args: ["-c", code, trace, mark.text],
		});
		await eventually(() => sizeOf(trace) > 200 || undefined, "it to run");
		server.signal("SIGKILL");
		await server.exited;
		await Bun.sleep(2000);
		const size = sizeOf(trace);
		await Bun.sleep(500);
		expect(sizeOf(trace)).toBe(size);
	});
});
