import { diagnose, messageOf } from "../errors.ts";
import { LIMITS_BY_LOOKS } from "../security/resources.ts";
import { DarwinTree, type Meter } from "./darwin-tree.ts";
import {
	LibProc,
	openLibSystem,
	openPipe,
	pipesWork,
	setNonBlocking,
} from "./libsystem.ts";
import type { Guarantee, Platform } from "./platform.ts";
import { ProcessTable } from "./process-table.ts";

/** Bytes that a write to a pipe passes as a whole or not at all (PIPE_BUF in sys/syslimits.h). */
const PIPE_BUF = 512;

/**
 * @returns undefined where libproc does not tell of this process what is known of
 *   it anyway: there what it tells of others is not to be acted upon
 */
export function createDarwin(): Platform | undefined {
	try {
		return create();
	} catch (error) {
		diagnose(`processes can't be looked at by libproc: ${messageOf(error)}`);
		return undefined;
	}
}

function create(): Platform {
	const libc = openLibSystem();
	const libproc = new LibProc(libc);
	requireTruth(libproc);
	const table = new ProcessTable(libproc);
	const meter = meterOf(libproc);
	const trees = new Set<DarwinTree>();
	const hasPipes = pipesWork(libc);
	return {
		pipes: hasPipes
			? {
					open: () => openPipe(libc),
					setNonBlocking: (fd) => setNonBlocking(libc, fd),
					atomicBytes: PIPE_BUF,
				}
			: undefined,
		// MAX_CANON in sys/syslimits.h.
		terminals: { canonical: 0x100, echo: 0x8, longestLine: 1024 },
		// Nobody may set another process's rlimits here, and the runtime offers no
		// place to set them between fork and exec.
		enforceable: new Set(LIMITS_BY_LOOKS),
		prepareServer() {},
		hasCapabilities: () => false,
		keepOut() {},
		reaped() {},
		reapedOrphans: 0,
		// Launchd adopts and reaps what is orphaned. Who is in a group of his own
		// is told here, living parent or not: in the guard's care before it matters.
		// To be asked once a second also has every tree see what was started since.
		orphans: () => [...trees].flatMap((tree) => tree.strays()),
		enclose: () => ({
			spawn: { detached: true },
			track(leader) {
				const tree = new DarwinTree(leader, table, meter, (gone) =>
					trees.delete(gone),
				);
				trees.add(tree);
				return tree;
			},
			fallBack: () => false,
			abandon() {},
		}),
		mark: undefined,
		unmarked: (start) => start(),
		makeCgroup: () => undefined,
		exit() {},
		endWithin() {},
		release() {},
		guarantees: () => darwinGuarantees(hasPipes),
	};
}

/** @throws Error where the answers about this process are not true */
function requireTruth(libproc: LibProc): void {
	const self = libproc.find(process.pid);
	if (self?.parent !== process.ppid || self.hasEnded)
		throw new Error("it does not know this process's parent");
	if (self.starter >= self.serial)
		throw new Error("its numbers of processes don't grow");
	if (!libproc.list().some(({ serial }) => serial === self.serial))
		throw new Error("it does not list this process");
	if (!libproc.usage(process.pid)?.footprintBytes)
		throw new Error("it does not know this process's memory");
}

/**
 * Measures by the calls with which Activity Monitor does. Pidusage, which runs
 * `ps` for each look, would start a process up to fifty times a second for every
 * tree with limits; it measures where libproc can't (`createPortable`).
 */
function meterOf(libproc: LibProc): Meter {
	return {
		usage(pid) {
			const usage = libproc.usage(pid);
			return (
				usage && {
					cpuSeconds: usage.cpuSeconds,
					childCpuSeconds: usage.childCpuSeconds,
					// Private memory, compressed or not. Pages of files, so those of
					// programs and libraries, aren't in it; a page that fork shares is,
					// in each process that has touched it.
					memoryBytes: usage.footprintBytes,
					peakMemoryBytes: usage.peakFootprintBytes,
					threads: libproc.task(pid)?.threads,
					// Of disks alone: pipes, sockets and cached reads aren't counted.
					ioReadBytes: usage.diskReadBytes,
					ioWriteBytes: usage.diskWrittenBytes,
				}
			);
		},
		sockets: (pid) => libproc.sockets(pid),
		listeningPort: (pid, socket) => libproc.listeningPort(pid, socket),
	};
}

/**
 * What macOS gives.
 *
 * @param hasPipes whether kernel pipes could be set up
 */
export function darwinGuarantees(hasPipes: boolean): readonly Guarantee[] {
	const guard = hasPipes
		? ({
				by: "server",
				how: "a shell that waits for the end of a pipe kills every group that it was told of, also after SIGKILL; a group that a member made within the last second may be missed",
			} as const)
		: ({ by: "unavailable", how: "no kernel pipe could be set up" } as const);
	return [
		{
			id: "tree.termination",
			promise: "Ending a process ends all that it started.",
			by: "server",
			how: "its process group is signalled at once, what left it one by one, again until nothing lives",
		},
		{
			id: "tree.atomic-kill",
			promise: "A tree is killed in one step that a fork can't slip through.",
			by: "unavailable",
			how: "macOS has no control groups; SIGKILL is repeated until nothing lives",
		},
		{
			id: "tree.daemons",
			promise: "A daemon that left its session and its parent is found.",
			by: "server",
			how: "the kernel remembers who started a process; one is lost if it left group and session, and its starter came and went between two looks (at least one a second)",
		},
		{
			id: "server.death",
			promise: "No process group outlives the server, however it ends.",
			...guard,
		},
		{
			id: "pid.identity",
			promise: "A pid that another process got is not taken for the old one.",
			by: "kernel",
			how: "each process has a number that never comes again (PROC_PIDUNIQIDENTIFIERINFO)",
		},
		{
			id: "zombies",
			promise: "Ended processes don't stay in the table.",
			by: "server",
			how: "it reaps what it started, and launchd reaps orphans",
		},
		{
			id: "privileges",
			promise: "What is started can't gain privileges.",
			by: "unavailable",
			how: "macOS has no no_new_privs; setuid programs are refused (blockSetuidExecutables), but an allowed program may start one",
		},
		{
			id: "server.privacy",
			promise: "What is started can't reach the server's memory.",
			by: "kernel",
			how: "task_for_pid needs a debugger's entitlement or an administrator's consent; the server's environment can be read by processes of the same user",
		},
		{
			id: "streams.kernel-pipes",
			promise: "Streams are kernel pipes, which programs can open by name.",
			...(hasPipes
				? { by: "kernel", how: "pipe(2)" }
				: { by: "unavailable", how: "the runtime's socket pairs are used" }),
		},
		{
			id: "ports",
			promise: "The TCP ports on which a tree listens are known.",
			by: "kernel",
			how: "proc_pidfdinfo, for processes of the server's user",
		},
		{
			id: "graceful",
			promise: "A process is asked to end before it is killed.",
			by: "kernel",
			how: "SIGTERM, then SIGKILL",
		},
	];
}
