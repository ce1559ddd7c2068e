import { ENFORCED_BY_SERVER, LIMIT_PROMISES } from "../security/resources.ts";
import type { Guarantee } from "./platform.ts";

/**
 * What a user may rely on under Windows.
 *
 * @param hasJob whether the server is in a job of its own
 * @param capsCpu whether a job can be held to a share of CPU
 */
export function guarantees(
	hasJob: boolean,
	capsCpu: boolean,
): readonly Guarantee[] {
	const job = hasJob ? ("kernel" as const) : ("unavailable" as const);
	const noJob = "the system gave the server no Job Object";
	return [
		{
			id: "tree.termination",
			promise: "Ending a process ends everything that it started.",
			by: "kernel",
			how: "a Job Object for each tree; where it can't be had, the server follows the parents' pids",
		},
		{
			id: "tree.atomic-kill",
			promise: "A tree is killed in one step that nothing slips through.",
			by: "kernel",
			how: "TerminateJobObject",
		},
		{
			id: "tree.daemons",
			promise: "What leaves its parent stays part of the tree.",
			by: "kernel",
			how: "nothing may break away from a tree's Job Object; what a program starts in the instant before it is put in is looked for",
		},
		{
			id: "server.death",
			promise: "Nothing outlives the server, however it ends.",
			by: job,
			how: hasJob
				? "the server's own Job Object, whose end is its members' end"
				: noJob,
		},
		{
			id: "pid.identity",
			promise: "Nothing is done to a process that only has the pid of another.",
			by: "kernel",
			how: "membership in the Job Object and open handles, not pids",
		},
		{
			id: "zombies",
			promise: "Nothing that ended stays in the system's tables.",
			by: "kernel",
			how: "Windows keeps no ended process that nobody has open",
		},
		{
			id: "privileges",
			promise: "No child gains more rights than the server has.",
			by: "unavailable",
			how: "Windows has nothing like no_new_privs: a child may ask the user for more rights (UAC)",
		},
		{
			id: "server.privacy",
			promise: "No child reads or changes the server's memory.",
			by: "unavailable",
			how: "processes of one user may open each other",
		},
		{
			id: "streams.kernel-pipes",
			promise: "A child reads and writes kernel pipes.",
			by: "kernel",
			how: "named pipes that the runtime makes",
		},
		{
			id: "ports",
			promise: "The ports that a tree listens on are known.",
			by: "kernel",
			how: "GetExtendedTcpTable",
		},
		{
			id: "graceful",
			promise: "A tree is asked to end before it is killed.",
			by: "server",
			how: "Ctrl+C on its console and WM_CLOSE to its windows; a program that has neither can't be asked",
		},
		{
			id: "limits.maxCpuPercent",
			promise: LIMIT_PROMISES.maxCpuPercent,
			by: capsCpu ? "kernel" : "server",
			how: capsCpu
				? "CPU rate of a Job Object"
				: `${ENFORCED_BY_SERVER.maxCpuPercent}; no CPU rate of a Job Object can be had`,
		},
		{
			id: "limits.maxProcesses",
			promise: LIMIT_PROMISES.maxProcesses,
			by: "server",
			how: `${ENFORCED_BY_SERVER.maxProcesses}; between two looks a Job Object stops it far above`,
		},
	];
}
