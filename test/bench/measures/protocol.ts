import type { Bench, Measure } from "../measure.ts";
import { NODE } from "../peers.ts";
import { start, timed } from "../processes.ts";
import { SLEEP } from "../programs.ts";
import { serverEnvironment } from "../server.ts";
import { Session } from "../session.ts";

/** Calls at one time, and in a row. */
const CALLS = 64;

/** One call about a process that is there for as long as the server is. */
function aboutSleep(tool: string) {
	return async ({ session }: Bench) => {
		session.require(tool);
		const pid = await start(session, SLEEP);
		return { ours: () => timed(() => session.call(tool, { pid })) };
	};
}

/** Requests that start nothing. */
export const protocol: readonly Measure[] = [
	{
		name: "initialize",
		title: "spawn to the answer to initialize; bare: node -e 0",
		unit: "ms",
		runs: 20,
		targets: [
			{ is: "at most", value: 0.6, of: "node" },
			{ is: "at most", value: 40 },
		],
		prepare: ({ command, folder, peers }) => ({
			async ours() {
				const begin = performance.now();
				await using _ = await Session.open(command, serverEnvironment(folder));
				return performance.now() - begin;
			},
			node: NODE
				? () =>
						peers.bun.run({ task: "exit", command: [NODE ?? "", "-e", "0"] })
				: undefined,
		}),
	},
	{
		name: "ping",
		title: "ping",
		unit: "ms",
		runs: 2000,
		targets: [{ is: "at most", value: 0.12 }],
		prepare: ({ session }) => ({
			ours: () => timed(() => session.request("ping")),
		}),
	},
	{
		name: "tools-list",
		title: "tools/list",
		unit: "ms",
		runs: 2000,
		targets: [{ is: "at most", value: 0.15 }],
		prepare: ({ session }) => ({
			ours: () => timed(() => session.request("tools/list", {})),
		}),
	},
	{
		name: "status",
		title: "process_get_status of a sleep",
		unit: "ms",
		runs: 2000,
		targets: [{ is: "at most", value: 0.15 }],
		prepare: aboutSleep("process_get_status"),
	},
	{
		name: "stats",
		title: "process_get_stats of a sleep",
		unit: "ms",
		runs: 2000,
		targets: [{ is: "at most", value: 0.3 }],
		prepare: aboutSleep("process_get_stats"),
	},
	{
		name: "in-flight",
		title: `${CALLS} process_get_status at once; bare: in a row`,
		unit: "ms",
		runs: 50,
		targets: [{ is: "at most", value: 1.2, of: "bare" }],
		async prepare({ session }) {
			session.require("process_get_status");
			const pid = await start(session, SLEEP);
			const call = () => session.call("process_get_status", { pid });
			return {
				ours: () =>
					timed(() => Promise.all(Array.from({ length: CALLS }, call))),
				bare: () =>
					timed(async () => {
						for (let index = 0; index < CALLS; index++) await call();
					}),
			};
		},
	},
];
