import { describe, expect, it } from "bun:test";
import { CAUSES, type Cause } from "../../src/process/termination.ts";
import { sleep } from "../../src/process/timer.ts";
import { run, sh } from "../support/managed.ts";
import { eventually } from "../support/server.ts";

const POSIX = process.platform !== "win32";

describe.skipIf(!POSIX)("a managed process", () => {
	it("runs, and says since when", async () => {
		const before = Date.now();
		await using running = await run("/bin/sleep", ["60"]);
		const { process } = running;
		expect(process.state).toBe("running");
		expect(process.status).toEqual({ state: "running" });
		expect(process.termination).toBeUndefined();
		expect(process.startedAt.getTime()).toBeGreaterThanOrEqual(before);
		const { uptime } = process;
		await eventually(
			() => (process.uptime > uptime ? true : undefined),
			"time to pass",
		);
	});

	it("tells who waits for its end before it looks at what it has left behind", async () => {
		await using running = await run("/bin/true");
		const { process, launched } = running;
		let looks = 0;
		const { alive } = launched.tree;
		launched.tree.alive = () => {
			looks++;
			return alive.call(launched.tree);
		};
		await process.ended;
		expect(looks).toBe(0);
		await process.gone;
		expect(looks).toBeGreaterThan(0);
	});

	it.each([
		[0, "stopped"],
		[1, "crashed"],
		[77, "crashed"],
		[255, "crashed"],
	] as const)("that exits with %d has %s", async (exitCode, state) => {
		await using running = await sh(`exit ${exitCode}`);
		const { process } = running;
		await process.ended;
		expect(process.state).toBe(state);
		expect(process.termination).toMatchObject({
			cause: "exited",
			exitCode,
			signal: null,
			message: `exited with code ${exitCode}`,
		});
	});

	it.each([
		["TERM", 143],
		["KILL", 137],
		["INT", 130],
		["HUP", 129],
	])(
		"that SIG%s of another's ends has crashed with %d",
		async (name, exitCode) => {
			await using running = await sh(`kill -${name} $$; sleep 60`);
			const { process } = running;
			await process.ended;
			expect(process.state).toBe("crashed");
			expect(process.termination).toMatchObject({
				cause: "signaled",
				exitCode,
				signal: `SIG${name}`,
			});
		},
	);

	it("that exits with 143 was not signaled", async () => {
		await using running = await sh("exit 143");
		await running.process.ended;
		expect(running.process.termination).toMatchObject({
			cause: "exited",
			exitCode: 143,
			signal: null,
		});
	});

	it.each(CAUSES)("that is ended for %s says so", async (cause: Cause) => {
		await using running = await run("/bin/sleep", ["60"]);
		const { process } = running;
		process.blame(cause, "the first word");
		process.tree.signal("SIGKILL");
		await process.ended;
		expect(process.termination).toMatchObject({
			cause,
			message: "the first word",
			exitCode: 137,
			signal: "SIGKILL",
		});
		const asked = cause === "terminated" || cause === "shutdown";
		expect(process.state).toBe(asked ? "stopped" : "crashed");
	});

	it("keeps the first cause of several", async () => {
		await using running = await run("/bin/sleep", ["60"]);
		const { process } = running;
		process.blame("timeout", "first");
		process.blame("terminated", "second");
		process.blame("shutdown", "third");
		process.tree.signal("SIGTERM");
		await process.ended;
		process.blame("lifetime", "after the end");
		expect(process.termination).toMatchObject({
			cause: "timeout",
			message: "first",
		});
	});

	it("that has exited by itself keeps that cause, also while its output is still read", async () => {
		await using running = await sh("sleep 60 & exit 0");
		const { process, launched } = running;
		await launched.exited;
		process.blame("terminated", "too late to be the cause");
		await process.ended;
		expect(process.termination?.cause).toBe("exited");
		expect(process.state).toBe("stopped");
	});

	it("stands still once it has ended", async () => {
		await using running = await sh("exit 0");
		const { process } = running;
		await process.ended;
		const { uptime, termination } = process;
		await sleep(30);
		expect(process.uptime).toBe(uptime);
		expect(process.termination).toBe(termination);
		expect(termination?.endedAt.getTime()).toBeLessThanOrEqual(Date.now());
	});

	it("has its standard input closed at its end", async () => {
		await using running = await run("/bin/true", [], { input: true });
		await running.process.ended;
		expect(running.process.stdin?.closed).toBe(true);
	});

	it("has no output to speak of where none is captured", async () => {
		await using running = await sh("echo lost", { capture: false });
		const { process } = running;
		await process.ended;
		expect(process.captured).toBe(false);
		expect(process.stdout).toMatchObject({ size: 0, ended: true });
		expect(process.stderr).toMatchObject({ size: 0, ended: true });
	});
});

describe.skipIf(!POSIX)("deadlines", () => {
	it("call once each, with cause and time", async () => {
		await using running = await run("/bin/sleep", ["60"], {
			deadlines: { timeout: 20, lifetime: 40 },
		});
		await eventually(
			() => (running.expired.length === 2 ? true : undefined),
			"both deadlines",
		);
		await sleep(60);
		expect(running.expired.map(({ cause }) => cause)).toEqual([
			"timeout",
			"lifetime",
		]);
		expect(running.expired[0]?.message).toContain("20 ms");
		expect(running.expired[1]?.message).toContain("0.04 s");
		expect(running.process.state).toBe("running");
	});

	it.each([2 ** 31, 2 ** 32, 1e15])(
		"of %d ms do not pass at once",
		async (delay) => {
			await using running = await run("/bin/sleep", ["60"], {
				deadlines: { timeout: delay, lifetime: delay },
			});
			await sleep(50);
			expect(running.expired).toEqual([]);
		},
	);

	it("are off once the process has ended", async () => {
		await using running = await run("/bin/true", [], {
			deadlines: { timeout: 5000, lifetime: 200 },
		});
		await running.process.ended;
		await sleep(300);
		expect(running.expired).toEqual([]);
	});
});

describe.skipIf(!POSIX)("output", () => {
	it("is all there once the process has ended, however much", async () => {
		await using running = await sh(
			"yes 0123456 | head -c 8000000; yes err | head -c 4000 >&2",
			{ capacity: 10_000_000 },
		);
		const { process } = running;
		await process.ended;
		expect(process.stdout).toMatchObject({ end: 8_000_000, start: 0 });
		expect(process.stderr.end).toBe(4000);
		const { bytes } = process.stdout.read(7_999_992, 8);
		expect(new TextDecoder().decode(bytes)).toBe("0123456\n");
	});

	it("is that of its last moment, too", async () => {
		for (let round = 0; round < 20; round++) {
			await using running = await sh("printf last; kill -KILL $$");
			await running.process.ended;
			expect(running.stdout).toBe("last");
		}
	});

	it("is bounded by the capacity, however much comes", async () => {
		await using running = await sh("yes | head -c 3000000", { capacity: 5000 });
		const { process } = running;
		await process.ended;
		expect(process.stdout).toMatchObject({ size: 5000, end: 3_000_000 });
	});

	it("of a child that lives on is still taken after the leader's end", async () => {
		await using running = await sh(
			"(sleep 0.3; echo from the child; sleep 60) & echo from the leader",
		);
		const { process } = running;
		await process.ended;
		expect(process.state).toBe("stopped");
		expect(process.stdout.ended).toBe(false);
		await running.says(/from the leader\nfrom the child\n/);
	});

	it("held open by a child does not hold up the news of the leader's end", async () => {
		await using running = await sh("sleep 60 & exit 9");
		const { process } = running;
		await process.ended;
		expect(process.termination?.exitCode).toBe(9);
		expect(process.stdout.ended).toBe(false);
		expect(process.tree.alive().length).toBe(1);
	});

	it("of a child that never stops writing does not, either", async () => {
		await using running = await sh("yes & exit 9", { capacity: 4096 });
		await running.process.ended;
		expect(running.process.termination?.exitCode).toBe(9);
		expect(running.process.tree.alive().length).toBe(1);
	});
});
