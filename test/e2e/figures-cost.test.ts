import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { availableParallelism, loadavg } from "node:os";
import type { ConfigInput } from "../../src/config/schema.ts";
import { cpuSecondsOf, memoryMBOf } from "../support/proc.ts";
import { times } from "../support/random.ts";
import { TestServer } from "../support/server.ts";
import { WAYS } from "../support/ways.ts";

setDefaultTimeout(240_000);

const COUNT = 1000;
const CONFIG: ConfigInput = {
	allowedExecutables: ["sleep"],
	maxConcurrentProcesses: 2 * COUNT,
	maxLaunchesPerMinute: 1_000_000,
};
const SECONDS = 5;
/** Percent of a core below which a server is at rest, several times what it takes then. */
const RESTING = 2;
/** Seconds in which it comes there, several times what it takes. */
const PATIENCE = 120;

/** Whether others want this machine, too. */
const isBusy = () => (loadavg()[0] ?? 0) > 2 * availableParallelism();

const median = (values: readonly number[]) =>
	values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** How long each of some calls took, in milliseconds. */
async function timed(count: number, call: (index: number) => Promise<unknown>) {
	const took: number[] = [];
	for (let index = 0; index < count; index++) {
		const start = performance.now();
		await call(index);
		took.push(performance.now() - start);
	}
	return took;
}

/** A server with so many processes that sleep, and their pids. */
async function crowded(
	wrapper: readonly string[],
	count: number,
	more: ConfigInput = {},
) {
	const server = await TestServer.start({ ...CONFIG, ...more }, { wrapper });
	const pids: number[] = [];
	await times(count, 8, async () => {
		const { pid } = await server.ok("process_start", {
			executable: "sleep",
			args: ["300"],
		});
		pids.push(pid);
	});
	return { server, pids };
}

/** CPU of the server over some seconds, in percent of a core. */
async function loadOf({ pid }: TestServer, seconds: number): Promise<number> {
	const [before, start] = [cpuSecondsOf(pid), performance.now()];
	await Bun.sleep(seconds * 1000);
	return ((cpuSecondsOf(pid) - before) * 1e5) / (performance.now() - start);
}

/**
 * CPU of a server at rest, in percent of a core. It comes to rest when it has done
 * what many starts leave to do: the first looks, in two waves, and their compiling.
 */
async function restingLoadOf(server: TestServer): Promise<number> {
	const deadline = performance.now() + PATIENCE * 1000;
	for (let before = Number.POSITIVE_INFINITY; ; ) {
		const now = await loadOf(server, SECONDS);
		if (Math.max(before, now) < RESTING) return now;
		if (performance.now() > deadline)
			throw new Error(`${now} % of a core after ${PATIENCE} s`);
		before = now;
	}
}

describe.skipIf(process.platform !== "linux").each(WAYS)(
	"$name, a thousand processes",
	({ wrapper }) => {
		it.concurrent("cost next to nothing at rest, and are measured at once", async () => {
			const { server, pids } = await crowded(wrapper, COUNT);
			await using _ = server;
			const load = await restingLoadOf(server);
			const stats = await timed(300, (index) =>
				server.ok("process_get_stats", { pid: pids[(index * 7) % COUNT] }),
			);
			const pings = await timed(300, () => server.client.ping());
			console.log(
				`at rest ${load.toFixed(2)} % of a core; process_get_stats ${median(stats).toFixed(2)} ms (most ${Math.max(...stats).toFixed(1)}), ping ${median(pings).toFixed(2)} ms (most ${Math.max(...pings).toFixed(1)}); ${memoryMBOf(server.pid).toFixed(0)} MB`,
			);
			const slack = isBusy() ? 4 : 1;
			expect(median(stats)).toBeLessThan(10 * slack);
			expect(median(pings)).toBeLessThan(5 * slack);
			expect(memoryMBOf(server.pid)).toBeLessThan(400);
			for (const pid of [pids[0], pids[500], pids[999]])
				expect(await server.ok("process_get_stats", { pid })).toMatchObject({
					state: "running",
					processCount: 1,
					threadCount: 1,
				});
		});
	},
);

describe.skipIf(process.platform !== "linux")("a hundred with limits", () => {
	it("do not keep the server busy while they rest", async () => {
		const { server } = await crowded([], 100, {
			defaultResourceLimits: { maxMemoryMB: 4000, maxProcesses: 200 },
		});
		await using _ = server;
		await Bun.sleep(2000);
		const load = await loadOf(server, SECONDS);
		const pings = await timed(200, () => server.client.ping());
		console.log(
			`100 held to limits: ${load.toFixed(1)} % of a core, ping ${median(pings).toFixed(2)} ms`,
		);
		expect(median(pings)).toBeLessThan(50);
		expect(load).toBeLessThan(isBusy() ? 40 : 12);
	});
});
