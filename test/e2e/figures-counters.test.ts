import { describe, expect, it, setDefaultTimeout } from "bun:test";
import type { ConfigInput } from "../../src/config/schema.ts";
import { cpuSecondsOf, differs } from "../support/proc.ts";
import { fixture, PYTHON } from "../support/programs.ts";
import { eventually, type Success, TestServer } from "../support/server.ts";
import { WAYS } from "../support/ways.ts";

setDefaultTimeout(60_000);

const CONFIG: ConfigInput = {
	allowedExecutables: [PYTHON],
	argumentValidation: "literal",
};
const COUNTERS = ["cpuSeconds", "ioRead", "ioWrite", "peakMemoryMB"] as const;

/** A child that is left out, or counted twice, is more than what the figures may be off. */
const CHILDREN = 6;

const statsOf = (server: TestServer, pid: number) =>
	server.ok("process_get_stats", { pid });

interface Generations {
	readonly mode: "wait" | "ignore" | "orphan";
	readonly count: number;
	/** Of each child: CPU seconds, MB, bytes written. */
	readonly each: readonly [number, number, number];
}

async function start(server: TestServer, { mode, count, each }: Generations) {
	const { pid } = await server.ok("process_start", {
		executable: PYTHON,
		args: [fixture("generations.py"), mode, count, ...each, 30].map(String),
	});
	return pid as number;
}

/** What the children used, once the last one has ended. */
function usedBy(server: TestServer, pid: number): Promise<number> {
	return eventually(
		async () => {
			const { stdout } = await server.ok("process_get_output", { pid });
			const used = /used (\S+)/.exec(stdout)?.[1];
			return used === undefined ? undefined : Number(used);
		},
		"the last child",
		30_000,
	);
}

describe.skipIf(process.platform !== "linux").each(WAYS)(
	"$name, counters",
	({ wrapper, hasCgroups }) => {
		it.each(["wait", "ignore", "orphan"] as const)(
			"never go back while children come and go: %s",
			async (mode) => {
				await using server = await TestServer.start(CONFIG, { wrapper });
				const pid = await start(server, {
					mode,
					count: 60,
					each: [0.03, 20, 300_000],
				});
				const fell: unknown[] = [];
				let last: Success = {};
				for (let reading = 0; reading < 150; reading++) {
					const now = await statsOf(server, pid);
					for (const name of COUNTERS)
						if (now[name] < last[name])
							fell.push({ name, from: last[name], to: now[name] });
					last = now;
					await Bun.sleep(reading % 20);
				}
				expect(fell).toEqual([]);
				await server.ok("process_terminate", { pid });
				const ended = await statsOf(server, pid);
				for (const name of COUNTERS)
					expect(ended[name]).toBeGreaterThanOrEqual(last[name]);
			},
		);

		it.each([
			["waited for, and nobody asks", "wait", false],
			["waited for, and somebody asks all the time", "wait", true],
			["orphans, and nobody asks", "orphan", false],
			["orphans, and somebody asks all the time", "orphan", true],
			["ignored, and nobody asks", "ignore", false],
			["ignored, and somebody asks all the time", "ignore", true],
		] as const)("hold what ended children used: %s", async (_, mode, asks) => {
			// Of what the kernel forgets at once there are only the looks to tell.
			if (mode === "ignore" && !hasCgroups) return;
			await using server = await TestServer.start(CONFIG, { wrapper });
			const pid = await start(server, {
				mode,
				count: CHILDREN,
				each: [0.25, 10, 2_000_000],
			});
			let lasts = true;
			const asking = (async () => {
				while (asks && lasts) {
					await statsOf(server, pid);
					await Bun.sleep(10);
				}
			})();
			const used = await usedBy(server, pid);
			lasts = false;
			await asking;
			const stats = await statsOf(server, pid);
			const real = used + cpuSecondsOf(pid);
			const written = CHILDREN * 2_000_000;
			console.log(
				`${mode}, ${asks ? "asked" : "not asked"}: really ${real.toFixed(2)} s, shown ${stats.cpuSeconds}; ${written / 1e6} MB written, shown ${(stats.ioWrite / 1e6).toFixed(2)}`,
			);
			// Of each child the kernel tells whole ticks, of user and system time.
			expect(stats.cpuSeconds).toBeGreaterThan(real * 0.95 - CHILDREN * 0.01);
			expect(stats.cpuSeconds).toBeLessThan(real * 1.05 + 0.15);
			expect(stats.ioWrite).toBeLessThan(written + 2_000_000);
			if (mode !== "ignore")
				expect(differs(stats.ioWrite, written, 2 ** 20)).toBe(false);
			expect(stats.peakMemoryMB).toBeGreaterThan(asks ? 18 : 8);
			expect(stats.peakMemoryMB).toBeLessThan(60);
		});

		// These wait for seconds, and use little meanwhile.
		it.concurrent("of one who is waited for late count once", async () => {
			await using server = await TestServer.start(CONFIG, { wrapper });
			const code = `
import os, time
sink = os.open("/dev/null", os.O_WRONLY)
pid = os.fork()
if pid == 0:
    for _ in range(10): os.write(sink, bytes(10**6))
    end = time.process_time() + 0.5
    while time.process_time() < end: pass
    time.sleep(1.5)
    os._exit(0)
time.sleep(5)
os.waitpid(pid, 0)
print("waited", flush=True)
time.sleep(30)`;
			const { pid } = await server.ok("process_start", {
				executable: PYTHON,
				args: ["-c", code],
			});
			const seen: Success[] = [];
			await eventually(async () => {
				seen.push(await statsOf(server, pid));
				await Bun.sleep(100);
				const { stdout } = await server.ok("process_get_output", { pid });
				return stdout.includes("waited") || undefined;
			}, "the wait");
			seen.push(await statsOf(server, pid));
			await Bun.sleep(1200);
			seen.push(await statsOf(server, pid));
			for (const { ioWrite, cpuSeconds } of seen) {
				expect(ioWrite).toBeLessThan(11_000_000);
				expect(cpuSeconds).toBeLessThan(1);
			}
			expect(seen.at(-1)?.ioWrite).toBeGreaterThanOrEqual(10_000_000);
			expect(seen.at(-1)?.cpuSeconds).toBeGreaterThan(0.48);
		});

		it.concurrent("of a daemon hold what it and who left it used", async () => {
			await using server = await TestServer.start(CONFIG, { wrapper });
			const code = `
import os, time
def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end: pass
if os.fork() == 0:
    os.setsid()
    time.sleep(1.5)
    burn(0.5)
    time.sleep(30)
burn(0.55)
os._exit(0)`;
			const { pid } = await server.ok("process_start", {
				executable: PYTHON,
				args: ["-c", code],
			});
			await server.waitForEnd(pid);
			const left = await statsOf(server, pid);
			expect(left.processCount).toBe(1);
			expect(left.cpuSeconds).toBeGreaterThanOrEqual(0.55);
			await eventually(async () => {
				const { cpuSeconds } = await statsOf(server, pid);
				return cpuSeconds >= 1.03 || undefined;
			}, "what the daemon uses to be shown");
			await Bun.sleep(1200);
			const later = await statsOf(server, pid);
			expect(later.cpuSeconds).toBeLessThan(1.4);
		});

		it.concurrent("of what an ended process left show a share of the time that passes", async () => {
			await using server = await TestServer.start(CONFIG, { wrapper });
			const code = `
import os, time
if os.fork() == 0:
    while True:
        end = time.process_time() + 0.02
        while time.process_time() < end: pass
        time.sleep(0.08)
time.sleep(0.7)`;
			const { pid } = await server.ok("process_start", {
				executable: PYTHON,
				args: ["-c", code],
			});
			await server.waitForEnd(pid);
			await Bun.sleep(6000);
			const { cpuPercent, history } = await server.ok("process_get_stats", {
				pid,
				includeHistory: true,
			});
			expect(cpuPercent).toBeGreaterThan(3);
			expect(cpuPercent).toBeLessThan(30);
			expect(history.length).toBeGreaterThanOrEqual(6);
			await server.ok("process_terminate", { pid });
		});
	},
);
