import type { Bench, Measure, Sides } from "../measure.ts";
import { ended, start, startAll, timed } from "../processes.ts";
import { SLEEP, TRUE } from "../programs.ts";
import type { Task } from "../task.ts";

/** Processes that are there at one time in the measures of many. */
export const SLEEPS = 1000;

/** The same task for both bare programs. */
export function beside({ peers }: Bench, task: Task): Omit<Sides, "ours"> {
	const { bun, node } = peers;
	return {
		bare: () => bun.run(task),
		node: node && (() => node.run(task)),
	};
}

/** Starting processes. */
export const launching: readonly Measure[] = [
	{
		name: "start-true",
		title: "process_start of true to the answer; bare: to its exit",
		unit: "ms",
		runs: 300,
		targets: [{ is: "at most", value: 1, of: "bare" }],
		prepare: (bench) => ({
			async ours() {
				const { session } = bench;
				const begin = performance.now();
				const pid = await start(session, [TRUE]);
				const ms = performance.now() - begin;
				// Its end is not to fall into another side's time.
				await ended(session, pid);
				return ms;
			},
			...beside(bench, { task: "exit", command: [TRUE] }),
		}),
	},
	{
		name: "start-and-wait",
		title: "process_start of true with waitFor exit; bare: to its exit",
		unit: "ms",
		runs: 300,
		targets: [{ is: "at most", value: 1.5, of: "bare" }],
		prepare(bench) {
			const { session } = bench;
			session.require("process_start", "waitFor");
			const wait = { waitFor: { exit: true } };
			return {
				ours: () => timed(() => start(session, [TRUE], wait)),
				...beside(bench, { task: "exit", command: [TRUE] }),
			};
		},
	},
	{
		name: "start-sleeps",
		title: `${SLEEPS} sleeps started, all calls at once`,
		unit: "ms",
		runs: 3,
		targets: [{ is: "at most", value: 1.5, of: "bare" }],
		prepare(bench) {
			const { session } = bench;
			const count = bench.size(SLEEPS);
			return {
				async ours() {
					const begin = performance.now();
					const pids = await startAll(session, SLEEP, count);
					const ms = performance.now() - begin;
					await Promise.all(
						pids.map((pid) => session.call("process_terminate", { pid })),
					);
					return ms;
				},
				...beside(bench, { task: "start", command: SLEEP, count }),
			};
		},
	},
];
