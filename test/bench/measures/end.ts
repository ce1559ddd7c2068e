import type { Measure } from "../measure.ts";
import { start, startAll, timed } from "../processes.ts";
import { SLEEP } from "../programs.ts";
import { beside } from "./launch.ts";

function groupOf(count: number, runs: number, bound: number): Measure {
	return {
		name: `terminate-${count}`,
		title: `process_terminate_group of ${count} sleeps`,
		unit: "ms",
		runs,
		targets: [{ is: "at most", value: bound }],
		prepare(bench) {
			const { session } = bench;
			for (const verb of ["create", "add_to", "terminate"])
				session.require(`process_${verb}_group`);
			const members = bench.size(count);
			return {
				async ours() {
					const { groupId } = await session.call("process_create_group", {
						name: "sleeps",
					});
					for (const pid of await startAll(session, SLEEP, members))
						await session.call("process_add_to_group", { groupId, pid });
					return timed(() =>
						session.call("process_terminate_group", { groupId }),
					);
				},
				...beside(bench, { task: "kill", command: SLEEP, count: members }),
			};
		},
	};
}

/** Ending processes, from the call to the answer: by then all is gone. */
export const ending: readonly Measure[] = [
	{
		name: "terminate-one",
		title: "process_terminate of a sleep",
		unit: "ms",
		runs: 200,
		targets: [{ is: "at most", value: 3 }],
		prepare(bench) {
			const { session } = bench;
			session.require("process_terminate");
			return {
				async ours() {
					const pid = await start(session, SLEEP);
					return timed(() => session.call("process_terminate", { pid }));
				},
				...beside(bench, { task: "kill", command: SLEEP, count: 1 }),
			};
		},
	},
	groupOf(10, 50, 10),
	groupOf(500, 5, 500),
];
