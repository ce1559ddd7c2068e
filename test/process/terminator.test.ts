import { describe, expect, it } from "bun:test";
import { ProcessError } from "../../src/errors.ts";
import {
	type TerminationRequest,
	terminate,
} from "../../src/process/terminator.ts";
import { platform, python, type Running, run, sh } from "../support/managed.ts";
import { eventually, isAlive } from "../support/server.ts";

/** A grace that no test means to wait for. */
const PATIENT = 60_000;

function request(
	changes: Partial<TerminationRequest> = {},
): TerminationRequest {
	return {
		cause: "terminated",
		message: "ended by a test",
		force: false,
		grace: PATIENT,
		mayKill: true,
		...changes,
	};
}

/** Waits until a program has said how many pids, and returns them. */
async function pidsOf(running: Running, count: number): Promise<number[]> {
	const line = Array.from({ length: count }, () => "(\\d+)").join(" ");
	const [, ...pids] = await running.says(new RegExp(`${line}\\n`));
	return pids.map(Number);
}

const IGNORES_TERM =
	"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)";

describe.skipIf(process.platform === "win32")("terminate", () => {
	it("asks first, and waits for a program that cleans up", async () => {
		await using running = await sh(
			"trap 'sleep 0.2; echo cleaned up; exit 4' TERM; echo ready; while :; do sleep 0.05; done",
		);
		await running.says(/ready/);
		expect(await terminate(running.process, request())).toEqual({
			reason: "graceful",
			survivors: [],
		});
		expect(running.stdout).toContain("cleaned up");
		expect(running.process.termination).toMatchObject({
			cause: "terminated",
			exitCode: 4,
			signal: null,
		});
		expect(running.process.state).toBe("stopped");
	});

	it("kills what ignores SIGTERM, when its grace is over", async () => {
		await using running = await python(
			`${IGNORES_TERM}; print("ready", flush=True); import time; time.sleep(60)`,
		);
		await running.says(/ready/);
		const before = performance.now();
		expect(await terminate(running.process, request({ grace: 200 }))).toEqual({
			reason: "forced",
			survivors: [],
		});
		expect(performance.now() - before).toBeGreaterThanOrEqual(199);
		expect(running.process.termination).toMatchObject({
			signal: "SIGKILL",
			exitCode: 137,
		});
	});

	it("with force does not ask", async () => {
		await using running = await sh(
			"trap 'echo asked' TERM; echo ready; while :; do sleep 0.05; done",
		);
		await running.says(/ready/);
		expect(await terminate(running.process, request({ force: true }))).toEqual({
			reason: "forced",
			survivors: [],
		});
		expect(running.stdout).not.toContain("asked");
	});

	it("with no grace kills at once what does not go at once", async () => {
		await using running = await python(
			`${IGNORES_TERM}; print("ready", flush=True); import time; time.sleep(60)`,
		);
		await running.says(/ready/);
		const { reason } = await terminate(running.process, request({ grace: 0 }));
		expect(reason).toBe("forced");
	});

	it("refuses where SIGKILL would be needed and may not be used", async () => {
		await using running = await python(
			`${IGNORES_TERM}; print("ready", flush=True); import time; time.sleep(60)`,
		);
		await running.says(/ready/);
		const refused = terminate(
			running.process,
			request({ grace: 50, mayKill: false }),
		);
		const error = await refused.catch((caught: unknown) => caught);
		expect(error).toBeInstanceOf(ProcessError);
		expect(error).toMatchObject({
			code: "TERMINATION_FAILED",
			details: { survivors: [running.launched.pid] },
		});
		expect(running.process.state).toBe("running");
		expect(isAlive(running.launched.pid)).toBe(true);
	});

	it("needs no SIGKILL for what goes when it is asked", async () => {
		await using running = await run("/bin/sleep", ["60"]);
		const { reason } = await terminate(
			running.process,
			request({ mayKill: false }),
		);
		expect(reason).toBe("graceful");
	});

	it("ends a stopped process", async () => {
		await using running = await run("/bin/sleep", ["60"]);
		running.process.tree.signal("SIGSTOP");
		const { reason } = await terminate(running.process, request());
		expect(reason).toBe("graceful");
		expect(running.process.termination?.signal).toBe("SIGTERM");
	});

	it("kills a stopped process that ignores SIGTERM", async () => {
		await using running = await python(
			`${IGNORES_TERM}; import os; print("ready", flush=True); os.kill(os.getpid(), signal.SIGSTOP); import time; time.sleep(60)`,
		);
		await running.says(/ready/);
		const { reason } = await terminate(running.process, request({ grace: 50 }));
		expect(reason).toBe("forced");
	});

	it("returns the same to all who ask at the same time", async () => {
		await using running = await run("/bin/sleep", ["60"]);
		const asked = [1, 2, 3].map(() => terminate(running.process, request()));
		for (const outcome of await Promise.all(asked))
			expect(outcome).toEqual({ reason: "graceful", survivors: [] });
	});

	it("keeps the first cause when a second comes during the grace", async () => {
		await using running = await python(
			`${IGNORES_TERM}; print("ready", flush=True); import time; time.sleep(60)`,
		);
		await running.says(/ready/);
		const first = terminate(
			running.process,
			request({ cause: "timeout", grace: 300 }),
		);
		await terminate(
			running.process,
			request({ cause: "shutdown", force: true }),
		);
		await first;
		expect(running.process.termination?.cause).toBe("timeout");
	});

	it("is satisfied at once by a process that has ended", async () => {
		await using running = await sh("exit 0");
		await running.process.ended;
		expect(await terminate(running.process, request())).toEqual({
			reason: "graceful",
			survivors: [],
		});
		expect(running.process.termination?.cause).toBe("exited");
	});

	it("does not wait for output that nobody writes any more", async () => {
		await using running = await sh("sleep 60 & sleep 60 & echo ready; wait");
		await running.says(/ready/);
		await terminate(running.process, request());
		expect(running.process.tree.alive()).toEqual([]);
	});
});

describe.skipIf(!platform.pipes)("terminate, of a tree", () => {
	it("ends grandchildren that ignore SIGTERM", async () => {
		await using running = await python(`
import os, time
${IGNORES_TERM}
if os.fork() == 0:
    pid = os.fork()
    if pid: print(os.getpid(), pid, flush=True)
    time.sleep(60)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
time.sleep(60)`);
		const pids = await pidsOf(running, 2);
		const outcome = await terminate(running.process, request({ grace: 200 }));
		expect(outcome).toEqual({ reason: "forced", survivors: [] });
		expect(pids.filter(isAlive)).toEqual([]);
	});

	it("ends a child in a session of its own that ignores SIGTERM", async () => {
		await using running = await python(`
import os, time
${IGNORES_TERM}
pid = os.fork()
if pid == 0:
    os.setsid()
    print(os.getpid(), flush=True)
    time.sleep(60)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
time.sleep(60)`);
		const pids = await pidsOf(running, 1);
		const outcome = await terminate(running.process, request({ grace: 200 }));
		expect(outcome).toEqual({ reason: "forced", survivors: [] });
		expect(pids.filter(isAlive)).toEqual([]);
	});

	it("ends a child in a session of its own by SIGTERM", async () => {
		await using running = await python(`
import os, time
if os.fork() == 0:
    os.setsid()
    print(os.getpid(), flush=True)
time.sleep(60)`);
		const pids = await pidsOf(running, 1);
		const outcome = await terminate(running.process, request());
		expect(outcome).toEqual({ reason: "graceful", survivors: [] });
		expect(pids.filter(isAlive)).toEqual([]);
	});

	it("names a survivor that may not be killed, also when the leader is gone", async () => {
		await using running = await python(`
import os, time
${IGNORES_TERM}
if os.fork() == 0:
    print(os.getpid(), flush=True)
    time.sleep(60)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
time.sleep(60)`);
		const pids = await pidsOf(running, 1);
		const error = await terminate(
			running.process,
			request({ grace: 300, mayKill: false }),
		).catch((caught: unknown) => caught);
		expect(error).toMatchObject({
			code: "TERMINATION_FAILED",
			details: { survivors: pids },
		});
	});

	it("ends what a leader left behind that ended by itself", async () => {
		await using running = await sh("sleep 60 & echo $!");
		const pids = await pidsOf(running, 1);
		await running.process.ended;
		expect(running.process.tree.alive()).toEqual(pids);
		await terminate(running.process, request());
		expect(pids.filter(isAlive)).toEqual([]);
	});

	it("ends a tree that forks while it is killed", async () => {
		await using running = await python(`
import os, time
${IGNORES_TERM}
print("ready", flush=True)
while True:
    if os.fork() == 0:
        time.sleep(0.02)
    else:
        time.sleep(0.005)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]: pass
        except ChildProcessError: pass
        if os.getpgid(0) != os.getpid(): os._exit(0)`);
		await running.says(/ready/);
		const outcome = await terminate(running.process, request({ force: true }));
		expect(outcome.survivors).toEqual([]);
		await eventually(
			() => (running.process.tree.alive().length === 0 ? true : undefined),
			"the tree to stay gone",
		);
	});
});
