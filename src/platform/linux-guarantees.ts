import { existsSync, readFileSync } from "node:fs";
import { release } from "node:os";
import { ENFORCED_BY_SERVER, LIMIT_PROMISES } from "../security/resources.ts";
import { Cgroups } from "./cgroup.ts";
import { LimitGroups } from "./cgroup-limits.ts";
import type { openLinuxLibc } from "./ffi.ts";
import { openCgroups } from "./linux-enclosure.ts";
import { canAdopt } from "./linux-prepare.ts";
import { type Guarantee, type LivesIn, SHELL } from "./platform.ts";
import type { Tags } from "./tag.ts";

const PR_GET_DUMPABLE = 3;
const PR_GET_NO_NEW_PRIVS = 39;
const NO_ADOPTION = "this system does not know PR_SET_CHILD_SUBREAPER";

/** What holds on this machine; each is looked at, and nothing of it is left behind. */
export function linuxGuarantees(
	libc: ReturnType<typeof openLinuxLibc>,
	tags: Tags,
	livesIn: LivesIn,
): readonly Guarantee[] {
	const knows = (option: number) => libc.prctl(option, 0n, 0n, 0n, 0n) >= 0;
	const cgroups = openCgroups(livesIn);
	const hasCgroups = cgroups instanceof Cgroups;
	const limits = LimitGroups.open(hasCgroups ? cgroups.directory : undefined);
	const { controllers } = limits;
	limits.remove();
	if (hasCgroups) cgroups.remove();
	const noCgroups = hasCgroups ? "" : `no control group: ${cgroups.reason}`;
	const isTagged = tags.mark !== undefined;
	const hides = /^\S+ \S+ \S+ \S+ \/proc .*\bhidepid=(?!0|off)/m.test(
		readFileSync("/proc/self/mountinfo", "utf8"),
	);
	const knowsChildren = existsSync("/proc/thread-self/children");
	const hasShell = existsSync(SHELL);
	const isRoot = process.getuid?.() === 0;
	return [
		{
			id: "tree.termination",
			promise: "Ending a process ends everything that it started",
			by: hasCgroups ? "kernel" : knowsChildren ? "server" : "unavailable",
			how: hasCgroups
				? "control group, process group, and descendants found in /proc"
				: knowsChildren
					? `process group and descendants found in /proc${hides ? ", which is mounted with hidepid and shows no programs that can't be dumped" : ""}; ${noCgroups}`
					: "this kernel tells of no children (CONFIG_PROC_CHILDREN); only the process group is ended",
		},
		{
			id: "tree.atomic-kill",
			promise: "A tree is killed in one step, however fast it forks",
			by: hasCgroups ? "kernel" : "server",
			how: hasCgroups
				? "cgroup.kill"
				: `SIGKILL again and again until nothing is left; ${noCgroups}`,
		},
		{
			id: "tree.daemons",
			promise:
				"What left its parent, session and streams still ends with its tree",
			...daemons(canAdopt(libc), isTagged, hasCgroups),
		},
		{
			id: "server.death",
			promise: "Nothing outlives a killed server by more than a second",
			by: hasShell ? "kernel" : "unavailable",
			how: hasShell
				? `death signal (PR_SET_PDEATHSIG), and a shell that holds a pipe kills ${hasCgroups ? "the control group" : "the process groups"}`
				: `death signal (PR_SET_PDEATHSIG) for direct children only: there is no ${SHELL} to kill theirs`,
		},
		{
			id: "pid.identity",
			promise: "A process that got an ended one's pid is never signalled",
			by: "server",
			how: "pid and start time, read from /proc",
		},
		{
			id: "zombies",
			promise: "What ended is reaped, also what was adopted",
			by: "server",
			how: canAdopt(libc)
				? "waitpid by pid"
				: `waitpid by pid; ${NO_ADOPTION}, so what left its parent is for init to reap`,
		},
		{
			id: "graceful",
			promise: "A tree is asked to end before it is killed",
			by: "server",
			how: "SIGTERM and SIGCONT, then SIGKILL",
		},
		{
			id: "privileges",
			promise: "Nothing that is started gains rights",
			by: knows(PR_GET_NO_NEW_PRIVS) ? "kernel" : "unavailable",
			how: `no_new_privs (kernel ${release()})`,
		},
		{
			id: "server.privacy",
			promise:
				"What is started can't open the server's descriptors, memory or environment",
			by: isRoot || !knows(PR_GET_DUMPABLE) ? "unavailable" : "kernel",
			how: isRoot
				? "the server runs as root, and so does what it starts; run it as an ordinary user"
				: "PR_SET_DUMPABLE",
		},
		{
			id: "streams.kernel-pipes",
			promise: "Programs can open their own streams by name (/dev/stderr)",
			by: "kernel",
			how: "pipe2",
		},
		{
			id: "ports",
			promise: "The TCP ports on which a tree listens are known",
			by: existsSync("/proc/net/tcp") ? "kernel" : "unavailable",
			how: "/proc/net/tcp and tcp6",
		},
		{
			id: "limits.maxCpuPercent",
			promise: LIMIT_PROMISES.maxCpuPercent,
			by: controllers.includes("cpu") ? "kernel" : "server",
			how: controllers.includes("cpu")
				? "control group"
				: `${ENFORCED_BY_SERVER.maxCpuPercent}; no cpu control group can be had`,
		},
		backstopped("maxMemoryMB", controllers.includes("memory")),
		backstopped("maxProcesses", controllers.includes("pids")),
		{
			id: "limits.maxFileDescriptors",
			promise: LIMIT_PROMISES.maxFileDescriptors,
			by: "kernel",
			how: "RLIMIT_NOFILE",
		},
	];
}

/** By what, or why not, that which left its tree's leader and session ends with it. */
function daemons(
	isAdopted: boolean,
	isTagged: boolean,
	hasCgroups: boolean,
): Pick<Guarantee, "by" | "how"> {
	if (!isAdopted)
		return hasCgroups
			? { by: "kernel", how: `control group alone: ${NO_ADOPTION}` }
			: { by: "unavailable", how: `no control group, and ${NO_ADOPTION}` };
	return {
		by: "kernel",
		how: isTagged
			? "adopted (PR_SET_CHILD_SUBREAPER) and known by an inherited mark (RLIMIT_LOCKS)"
			: "adopted (PR_SET_CHILD_SUBREAPER); RLIMIT_LOCKS can't be set, so one that left its session is only known once it was seen",
	};
}

/** A limit at which the server ends the tree, and somewhat above which the kernel stops it. */
function backstopped(
	name: "maxMemoryMB" | "maxProcesses",
	hasGroup: boolean,
): Guarantee {
	return {
		id: `limits.${name}`,
		promise: LIMIT_PROMISES[name],
		by: "server",
		how: hasGroup
			? `${ENFORCED_BY_SERVER[name]}; between two looks a control group stops it somewhat above`
			: `${ENFORCED_BY_SERVER[name]}, which may pass its limit between two looks`,
	};
}
