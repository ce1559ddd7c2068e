import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { AWKWARD_CONFIG } from "../support/awkward.ts";
import { Crowd, canReusePids } from "../support/crowd.ts";
import { fixture, PYTHON } from "../support/programs.ts";
import { times } from "../support/random.ts";
import { RawServer } from "../support/raw.ts";
import { WAYS } from "../support/ways.ts";

setDefaultTimeout(300_000);

const ROUNDS = 120;
const CONFIG = { ...AWKWARD_CONFIG, maxFinishedProcesses: 2 * ROUNDS };

describe.skipIf(!canReusePids).each(WAYS)(
	"$name, a pid that is used again",
	(way) => {
		it("is no tree's, and is not signalled", async () => {
			using crowd = new Crowd();
			await using server = await RawServer.start(CONFIG, {
				wrapper: [...way.wrapper, ...crowd.wrapper],
			});
			const start = async (
				executable: string,
				args: string[],
				timeout?: number,
			) =>
				(
					await server.ok("process_start", {
						executable,
						args,
						...(timeout && { timeout }),
					})
				).pid as number;
			const churning = await start(PYTHON, [fixture("churn.py"), "600"]);
			const lone = await start("sleep", ["600"]);
			const most = { churning: 0, lone: 0 };
			let lasts = true;
			const watching = (async () => {
				while (lasts) {
					for (const [name, pid] of [
						["churning", churning],
						["lone", lone],
					] as const) {
						const stats = await server.ok("process_get_stats", { pid });
						most[name] = Math.max(most[name], stats.processCount);
					}
					// Leaves the processors to the processes that it looks at.
					await Bun.sleep(3);
				}
			})();
			await times(ROUNDS, 4, async (index) => {
				if (index % 4 === 0) {
					const pid = await start(PYTHON, [fixture("daemon.py"), "0.2"], 100);
					await server.call("process_terminate", { pid, timeout: 200 });
				} else if (index % 4 === 1) await start("sleep", ["0.05"], 50);
				else {
					const pid = await start("sleep", ["60"]);
					const { args } = await server.ok("process_get_status", { pid });
					expect(args).toEqual(["60"]);
					await server.ok("process_terminate", { pid, timeout: 200 });
				}
			}).finally(() => {
				lasts = false;
			});
			await watching;
			// Itself and one child, or two where one follows the other during the look.
			expect(most.churning).toBeLessThanOrEqual(3);
			expect(most.lone).toBe(1);
			for (const pid of [churning, lone]) {
				const { state } = await server.ok("process_get_status", { pid });
				expect(state).toBe("running");
			}
			server.endInput();
			await server.waitForExit();
			const { strangers, signals, status } = crowd.report();
			console.log(`${way.name}: ${strangers} strangers, signals: ${signals}`);
			// Once the first are used up, the kernel has 120 pids to give: 300 to 419.
			expect(strangers).toBeGreaterThan(200);
			expect({ signals, status }).toEqual({ signals: [], status: 0 });
		});
	},
);
