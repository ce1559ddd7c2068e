import { cpuPercent, requireProc, residentMB, wakes } from "../figures.ts";
import type { Bench, Measure, Side } from "../measure.ts";
import { ended, start, startAll } from "../processes.ts";
import { SLEEP, TRUE } from "../programs.ts";
import { SLEEPS } from "./launch.ts";

/** Milliseconds over which a server at rest is looked at. */
const WINDOW = 10_000;
/** Milliseconds of one look while it comes to rest, how many looks there are at most, and how near two in a row are then. */
const [LOOK, MOST_LOOKS, NEAR] = [3000, 10, 0.3];
/** Bounds each sleep where there is to be a limit: more than it ever takes. */
const LIMITED = { resourceLimits: { maxMemoryMB: 100, maxCpuPercent: 50 } };

/** Waits until its use of CPU no longer falls: after starting much a server has yet to tidy up. */
async function settle({ session, size }: Bench): Promise<void> {
	let before = Number.POSITIVE_INFINITY;
	for (let look = 0; look < MOST_LOOKS; look++) {
		const now = await cpuPercent(session.pid, size(LOOK));
		if (before - now < NEAR) return;
		before = now;
	}
}

/** Milliseconds after which Bun's compilers have done what was put off, and its collector, with nothing new to collect, no longer looks every second; both take some 30 s. */
const QUIET = 40_000;

async function withSleeps(bench: Bench, more = {}): Promise<void> {
	requireProc();
	await startAll(bench.session, SLEEP, bench.size(SLEEPS), more);
	await settle(bench);
}

/** A server that has worked, and has nothing to do now. */
async function idle(bench: Bench): Promise<void> {
	requireProc();
	const { session } = bench;
	await ended(session, await start(session, [TRUE]));
	await settle(bench);
}

function cpu({ session, size }: Bench): Side {
	return () => cpuPercent(session.pid, size(WINDOW));
}

/** A server at rest, with many processes and with none. */
export const rest: readonly Measure[] = [
	{
		name: "sleeps-cpu",
		title: `CPU of the server at rest, ${SLEEPS} sleeps`,
		unit: "% of a core",
		runs: 1,
		targets: [{ is: "at most", value: 1 }],
		async prepare(bench) {
			await withSleeps(bench);
			await Bun.sleep(bench.size(QUIET));
			return { ours: cpu(bench) };
		},
	},
	{
		name: "sleeps-limited-cpu",
		title: `the same, each with limits of memory and CPU`,
		unit: "% of a core",
		runs: 1,
		targets: [{ is: "at most", value: 3 }],
		async prepare(bench) {
			bench.session.require("process_start", "resourceLimits");
			await withSleeps(bench, LIMITED);
			await Bun.sleep(bench.size(QUIET));
			return { ours: cpu(bench) };
		},
	},
	{
		name: "sleeps-memory",
		title: `memory of the server, ${SLEEPS} sleeps`,
		unit: "MB",
		runs: 1,
		targets: [{ is: "at most", value: 100 }],
		async prepare(bench) {
			await withSleeps(bench);
			return { ours: async () => residentMB(bench.session.pid) };
		},
	},
	{
		name: "idle-memory",
		title: "memory of an idle server",
		unit: "MB",
		runs: 1,
		targets: [{ is: "at most", value: 50 }],
		async prepare(bench) {
			await idle(bench);
			return { ours: async () => residentMB(bench.session.pid) };
		},
	},
	{
		name: "idle-wakeups",
		title: `times that an idle server's threads wake in ${WINDOW / 1000} s`,
		unit: "times",
		runs: 1,
		targets: [{ is: "at most", value: 10 }],
		async prepare(bench) {
			await idle(bench);
			await Bun.sleep(bench.size(QUIET));
			const window = bench.size(WINDOW);
			const count = (pid: number) => async () =>
				((await wakes(pid, window)) * WINDOW) / window;
			return {
				ours: count(bench.session.pid),
				bare: count(bench.peers.bun.pid),
			};
		},
	},
];
