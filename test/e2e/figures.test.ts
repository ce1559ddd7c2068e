import { describe, expect, it, setDefaultTimeout } from "bun:test";
import type { ConfigInput } from "../../src/config/schema.ts";
import { cpuSecondsOf, differs, figuresOf } from "../support/proc.ts";
import { fixture, PYTHON } from "../support/programs.ts";
import { eventually, type Success, TestServer } from "../support/server.ts";
import { startTree } from "../support/tree.ts";
import { WAYS } from "../support/ways.ts";

setDefaultTimeout(60_000);

const CONFIG: ConfigInput = {
	allowedExecutables: [PYTHON, "sleep"],
	argumentValidation: "literal",
};
const MB = 2 ** 20;
/** Bytes that may come and go between two readings: a process's own bookkeeping. */
const SLACK = MB;

/** Seconds as the kernel's ticks count them: 0.21 + 0.02 is less than 0.23. */
const hundredths = (seconds: number) => Math.round(seconds * 100);

const statsOf = (server: TestServer, pid: number) =>
	server.ok("process_get_stats", { pid });

describe.skipIf(process.platform !== "linux").each(WAYS)(
	"$name, figures",
	({ wrapper }) => {
		it.each([
			["one process", 1, 60, 80],
			["a tree of five", 5, 20, 30],
		])("of %s agree with the kernel's", async (_, members, cpu, mb) => {
			await using server = await TestServer.start(CONFIG, { wrapper });
			const { pid, members: pids } = await startTree(server, "load.py", [
				`members=${members}`,
				`cpu=${cpu}`,
				`mb=${mb}`,
				"threads=6",
				"bytes=20000000",
			]);
			expect(pids).toHaveLength(members);
			const wrong: unknown[] = [];
			for (let reading = 0; reading < 30; reading++) {
				const before = figuresOf(pids);
				const stats = await statsOf(server, pid);
				const after = figuresOf(pids);
				// A reading lies between the two, but for ticks that each member has begun.
				const isTrue =
					hundredths(stats.cpuSeconds - before.cpuSeconds) >= -2 * members &&
					hundredths(stats.cpuSeconds - after.cpuSeconds) <= 2 * members &&
					!differs(stats.memoryMB, after.memoryMB, 1) &&
					!differs(stats.ioRead, after.ioRead, SLACK) &&
					!differs(stats.ioWrite, after.ioWrite, SLACK) &&
					stats.threadCount === members * 6 &&
					stats.processCount === members;
				if (!isTrue) wrong.push({ before, stats, after });
				await Bun.sleep(50);
			}
			expect(wrong).toEqual([]);
			expect((await statsOf(server, pid)).memoryMB).toBeGreaterThan(
				members * mb,
			);
		});

		it.each([
			["one process", 1, 40],
			["a tree of five", 5, 15],
		])("of %s at a steady load show it in percent", async (_, members, cpu) => {
			await using server = await TestServer.start(CONFIG, { wrapper });
			const { pid, members: pids } = await startTree(server, "load.py", [
				`members=${members}`,
				`cpu=${cpu}`,
			]);
			await Bun.sleep(1500);
			// What a busy machine makes unsteady is measured again.
			const attempt = async () => {
				const used = () =>
					pids.reduce((sum, each) => sum + cpuSecondsOf(each), 0);
				const [before, at] = [used(), performance.now()];
				const shown: number[] = [];
				for (let reading = 0; reading < 20; reading++) {
					await Bun.sleep(150);
					shown.push((await statsOf(server, pid)).cpuPercent);
				}
				const real = ((used() - before) * 1e5) / (performance.now() - at);
				const mean = shown.reduce((sum, each) => sum + each, 0) / shown.length;
				console.log(
					`${members} at ${cpu} %: really ${real.toFixed(1)}, shown ${mean.toFixed(1)} (${Math.min(...shown)} to ${Math.max(...shown)})`,
				);
				return !differs(mean, real, 3);
			};
			expect((await attempt()) || (await attempt()) || (await attempt())).toBe(
				true,
			);
		});

		it("of a busy process show it from the first tick on", async () => {
			await using server = await TestServer.start(CONFIG, { wrapper });
			const { pid } = await server.ok("process_start", {
				executable: PYTHON,
				args: ["-c", "while True: pass"],
			});
			await eventually(
				() => (cpuSecondsOf(pid) > 0.01 ? true : undefined),
				"two ticks",
			);
			const first = await statsOf(server, pid);
			expect(first.uptime).toBeLessThan(1000);
			expect(first.cpuPercent).toBeGreaterThan(0);
			expect(first.cpuSeconds).toBeGreaterThan(0.01);
			expect(first.memoryMB).toBeGreaterThan(1);
			expect(first.memoryMB).toBeLessThan(60);
			expect(first.peakMemoryMB).toBeGreaterThanOrEqual(first.memoryMB);
			expect(first.peakMemoryMB).toBeLessThan(60);
		});

		it("of twenty new processes are never this server's memory", async () => {
			await using server = await TestServer.start(
				{ ...CONFIG, maxConcurrentProcesses: 100 },
				{ wrapper },
			);
			const seen: Success[] = [];
			for (let count = 0; count < 20; count++) {
				const { pid } = await server.ok("process_start", {
					executable: "sleep",
					args: ["60"],
				});
				for (let reading = 0; reading < 10; reading++)
					seen.push(await statsOf(server, pid));
			}
			const most = Math.max(...seen.map(({ memoryMB }) => memoryMB));
			const peak = Math.max(...seen.map(({ peakMemoryMB }) => peakMemoryMB));
			expect(most).toBeLessThan(20);
			expect(peak).toBeLessThan(20);
		});

		it("of an ended process stay, and hold what it used in all", async () => {
			await using server = await TestServer.start(CONFIG, { wrapper });
			const { pid } = await server.ok("process_start", {
				executable: PYTHON,
				args: [fixture("generations.py"), "wait", "4", "0.3", "50", "1e6", "0"],
			});
			const status = await server.waitForEnd(pid);
			const { stdout } = await server.ok("process_get_output", { pid });
			const used = Number(/used (\S+)/.exec(stdout)?.[1]);
			const stats = await statsOf(server, pid);
			expect(stats).toMatchObject({
				state: "stopped",
				cpuPercent: 0,
				memoryMB: 0,
				threadCount: 0,
				processCount: 0,
			});
			expect(stats.cpuSeconds).toBeGreaterThanOrEqual(used - 0.01);
			// What Python itself takes is not in its own account; counted twice it would be more.
			expect(stats.cpuSeconds).toBeLessThan(used * 1.5 + 0.3);
			expect(stats.peakMemoryMB).toBeGreaterThan(50);
			expect(stats.peakMemoryMB).toBeLessThan(80);
			await Bun.sleep(500);
			expect(await statsOf(server, pid)).toEqual(stats);
			const again = await server.ok("process_get_status", { pid });
			expect(again.stats).toEqual(status.stats);
			expect(again.stats.cpuSeconds).toBe(stats.cpuSeconds);
		});
	},
);

// They look on for seconds, and what they measure leaves room for two.
describe.skipIf(process.platform !== "linux").each(WAYS)(
	"$name, figures",
	({ wrapper }) => {
		it.concurrent("have a history with a point a second, of an idle process, too", async () => {
			await using server = await TestServer.start(CONFIG, { wrapper });
			const idle = await server.ok("process_start", {
				executable: "sleep",
				args: ["60"],
			});
			const busy = await startTree(server, "load.py", ["cpu=30", "mb=40"]);
			await Bun.sleep(12_000);
			for (const pid of [idle.pid, busy.pid]) {
				const { history, uptime } = await server.ok("process_get_stats", {
					pid,
					includeHistory: true,
				});
				const times = history.map(({ at }: { at: number }) => at);
				const seconds = uptime / 1000;
				// One a second, give or take one at each end.
				expect(times.length).toBeGreaterThanOrEqual(Math.floor(seconds) - 1);
				expect(times.length).toBeLessThanOrEqual(Math.ceil(seconds) + 2);
				expect(differs(times.at(-1), uptime - 700, 800, 0)).toBe(false);
				const gaps = times
					.slice(1)
					.map((at: number, index: number) => at - times[index]);
				expect(Math.max(...gaps)).toBeLessThan(2500);
				const middle = gaps.toSorted((a: number, b: number) => a - b)[
					Math.floor(gaps.length / 2)
				];
				expect(middle).toBeGreaterThan(930);
				expect(middle).toBeLessThan(1070);
				expect(Math.min(...gaps.slice(0, -1))).toBeGreaterThan(0);
				const mean =
					history
						.slice(2)
						.reduce(
							(sum: number, point: Success) => sum + point.cpuPercent,
							0,
						) /
					(history.length - 2);
				if (pid === idle.pid) expect(mean).toBeLessThan(2);
				else expect(differs(mean, 30, 10)).toBe(false);
				for (const { processCount } of history) expect(processCount).toBe(1);
			}
		});
	},
);
