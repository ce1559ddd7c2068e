import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { AWKWARD_CONFIG, AwkwardTree } from "../support/awkward.ts";
import { Freezer } from "../support/freezer.ts";
import { cgroupsOf, Mark } from "../support/marked.ts";
import { fixture, PYTHON } from "../support/programs.ts";
import { RawServer } from "../support/raw.ts";
import { eventually, isAlive } from "../support/server.ts";
import { WAYS } from "../support/ways.ts";

setDefaultTimeout(60_000);

/** What SIGKILL is given, and what a busy machine may add to it. */
const PATIENCE = 2000;
const HEADROOM = 4500;

describe.skipIf(!Freezer.isAvailable).each(WAYS)(
	"$name, what not even SIGKILL ends",
	({ name: way, wrapper }) => {
		const open = () => RawServer.start(AWKWARD_CONFIG, { wrapper });

		it("is named where it is a descendant, and ended when it can be", async () => {
			await using freezer = new Freezer();
			await using server = await open();
			await using tree = await new AwkwardTree(
				"a daemon whose parent stays",
			).start(server);
			const frozen = tree.alive().filter((pid) => pid !== tree.pid);
			expect(frozen).toHaveLength(1);
			await freezer.freeze(frozen);
			const began = performance.now();
			const ended = await server.ok("process_terminate", {
				pid: tree.pid,
				timeout: 300,
			});
			const took = performance.now() - began;
			console.log(`${way}: survivors after ${Math.round(took)} ms`);
			expect(ended).toMatchObject({ survivors: frozen, exitCode: 143 });
			expect(took).toBeGreaterThan(300);
			expect(took).toBeLessThan(300 + PATIENCE + HEADROOM);
			// It is no secret afterwards either, and another attempt is possible.
			const stats = await server.ok("process_get_stats", { pid: tree.pid });
			expect(stats.processCount).toBe(1);
			expect(
				await server.ok("process_terminate", { pid: tree.pid, force: true }),
			).toMatchObject({ survivors: frozen });
			freezer.thaw();
			await eventually(
				() => tree.alive().length === 0 || undefined,
				"the survivor to end after the thaw",
				20_000,
			);
			expect(
				await server.fails("process_terminate", { pid: tree.pid }),
			).toMatchObject({ code: "PROCESS_NOT_RUNNING" });
		});

		it("is named where it is the leader, which is not said to have ended", async () => {
			await using freezer = new Freezer();
			await using server = await open();
			await using mark = new Mark();
			const { pid } = await server.ok("process_start", {
				executable: "sleep",
				args: [mark.text],
			});
			await freezer.freeze([pid]);
			const failure = await server.fails("process_terminate", {
				pid,
				timeout: 300,
			});
			expect(failure).toMatchObject({
				code: "TERMINATION_FAILED",
				details: { survivors: [pid] },
			});
			expect(await server.ok("process_get_status", { pid })).toMatchObject({
				state: "running",
			});
			freezer.thaw();
			const status = await server.waitForEnd(pid);
			expect(status.termination).toMatchObject({ cause: "terminated" });
		});

		it("keeps neither the server nor the other trees from ending", async () => {
			await using freezer = new Freezer();
			await using server = await open();
			await using stuck = await new AwkwardTree(
				"a daemon whose parent stays",
			).start(server);
			await using other = await new AwkwardTree(
				"ten children that ignore SIGTERM",
			).start(server);
			const frozen = stuck.alive().filter((pid) => pid !== stuck.pid);
			await freezer.freeze(frozen);
			const began = performance.now();
			server.endInput();
			expect(await server.waitForExit()).toEqual({ code: 0, signal: null });
			const took = performance.now() - began;
			console.log(`${way}: the server ended after ${Math.round(took)} ms`);
			expect(took).toBeLessThan(5000);
			expect(await other.left()).toEqual([]);
			expect(stuck.alive()).toEqual(frozen);
			freezer.thaw();
			await eventually(
				() => !frozen.some(isAlive) || undefined,
				"the survivor to end after the thaw",
				20_000,
			);
			// What could not be removed then is removed by the next server that has trees.
			await using next = await open();
			await next.ok("process_start", { executable: "sleep", args: ["60"] });
			expect(cgroupsOf(server.pid)).toEqual([]);
		});
	},
);

describe.each(WAYS)("$name, an exit", ({ wrapper }) => {
	it("is known at once although a grandchild holds the output, which is still read", async () => {
		await using server = await RawServer.start(AWKWARD_CONFIG, { wrapper });
		await using mark = new Mark();
		const { pid } = await server.ok("process_start", {
			executable: PYTHON,
			args: [fixture("hold-output.py"), mark.text, "3"],
		});
		await server.outputOf(pid, (stdout) => stdout.includes("ready"));
		const { exitCode, termination, uptime } = await server.waitForEnd(pid);
		expect({ exitCode, cause: termination.cause }).toEqual({
			exitCode: 7,
			cause: "exited",
		});
		console.log(`known after ${Math.round(uptime)} ms`);
		const { stdout } = await server.ok("process_get_output", { pid });
		expect(stdout).toBe("ready\n");
		expect(mark.alive()).toHaveLength(1);
		const all = await server.outputOf(pid, (text) => text.includes("later"));
		expect(all).toBe("ready\nlater\n");
		// What was known stays as it was.
		const status = await server.ok("process_get_status", { pid });
		expect(status.termination).toEqual(termination);
		expect(status.uptime).toBe(uptime);
		const ended = await server.ok("process_terminate", { pid, timeout: 300 });
		expect(ended).toMatchObject({ exitCode: 7, survivors: [] });
		expect(mark.alive()).toEqual([]);
	});
});
