import { closeSync, constants, openSync, readlinkSync } from "node:fs";
import { diagnose } from "../errors.ts";
import { LIMIT_NAMES } from "../security/resources.ts";
import { Adoptions } from "./adoption.ts";
import { Cgroups } from "./cgroup.ts";
import { LimitGroups } from "./cgroup-limits.ts";
import { cString, openLinuxLibc, ptr } from "./ffi.ts";
import { forgetCode } from "./linux-code.ts";
import {
	BareEnclosure,
	LinuxEnclosure,
	openCgroups,
} from "./linux-enclosure.ts";
import { linuxGuarantees } from "./linux-guarantees.ts";
import { prepare } from "./linux-prepare.ts";
import { OomWatch } from "./oom.ts";
import type { LivesIn, PipeEnds, Platform } from "./platform.ts";
import { makeSharesMemory } from "./procfs.ts";
import { Tags } from "./tag.ts";

const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;
const O_NONBLOCK = 0o4000;
/** pipe(7). */
const PIPE_BUF = 4096;
const F_GETFL = 3;
const F_SETFL = 4;
const F_SETPIPE_SZ = 1031;
/** What every user may have (pipe-max-size in proc_sys_fs(5)). */
const WIDE_PIPE = 2 ** 20;
const WNOHANG = 1;
const SC_CLK_TCK = 2;
const SC_PAGESIZE = 30;

/** Milliseconds after which orphans are looked for again though nothing ran: who left its control group runs unseen. */
const LONGEST_STILLNESS = 10_000;

type Libc = ReturnType<typeof openLinuxLibc>;

export function createLinux(): Platform {
	const libc = openLinuxLibc();
	const units = {
		ticksPerSecond: Number(libc.sysconf(SC_CLK_TCK)),
		pageSize: Number(libc.sysconf(SC_PAGESIZE)),
	};
	const tags = new Tags(libc);
	const oom = new OomWatch();
	const sharesMemory = makeSharesMemory(libc.syscall);
	/** Undefined in a process that is no server and adopts nothing. */
	let adoptions: Adoptions | undefined;
	/** Made at the first start: to start the server alone leaves no trace. */
	let cgroups: ReturnType<typeof openCgroups> | undefined;
	let livesIn: LivesIn | undefined;
	let limitGroups: LimitGroups | undefined;
	let onLimitFolder: (folder: string) => void = () => {};
	/** When there were none: who did not run since then has left nothing behind. */
	let noOrphans: {
		readonly epoch: number | undefined;
		readonly at: number;
	} = { epoch: undefined, at: 0 };
	return {
		pipes: {
			open: () => openPipe(libc),
			setNonBlocking(fd) {
				libc.fcntl(fd, F_SETFL, libc.fcntl(fd, F_GETFL, 0) | O_NONBLOCK);
			},
			hasReader: (fd) => hasReader(libc, fd),
			widen: (fd) => void libc.fcntl(fd, F_SETPIPE_SZ, WIDE_PIPE),
			atomicBytes: PIPE_BUF,
		},
		// N_TTY_BUF_SIZE in drivers/tty/n_tty.c is 4096, one of which is never used.
		terminals: { canonical: 0o2, echo: 0o10, longestLine: 4095 },
		enforceable: new Set(LIMIT_NAMES),
		prepareServer(_, test) {
			livesIn = test;
			if (!prepare(libc))
				diagnose(
					"this system does not know PR_SET_CHILD_SUBREAPER: without a control group, what leaves its parent and its session is not ended with its tree",
				);
			adoptions = new Adoptions(
				// By its pid: for any child, the runtime's own would be taken from it.
				(pid) => libc.waitpid(pid, null, WNOHANG) === pid,
				(pid) => tags.of(pid),
			);
		},
		forgetStart: () => forgetCode(libc.madvise),
		hasCapabilities: (path) => hasCapabilities(libc, path),
		keepOut(pid) {
			adoptions?.register(pid);
			adoptions?.keepOut(pid);
		},
		reaped: (pid) => adoptions?.unregister(pid),
		get reapedOrphans() {
			return adoptions?.reaped ?? 0;
		},
		orphans(age) {
			oom.look();
			const now = performance.now();
			const epoch =
				cgroups instanceof Cgroups ? cgroups.activity.epoch : undefined;
			const isStill = epoch !== undefined && epoch === noOrphans.epoch;
			if (age === "still" && isStill && now - noOrphans.at < LONGEST_STILLNESS)
				return [];
			const orphans = adoptions?.all() ?? [];
			noOrphans = { epoch: orphans.length === 0 ? epoch : undefined, at: now };
			return orphans;
		},
		enclose(limits) {
			const trees = { libc, units, sharesMemory };
			if (!adoptions) return new BareEnclosure(trees);
			cgroups ??= openCgroups(livesIn);
			const groups = () => {
				if (limitGroups) return limitGroups;
				limitGroups = LimitGroups.open(
					cgroups instanceof Cgroups ? cgroups.directory : undefined,
				);
				for (const folder of limitGroups.folders) onLimitFolder(folder);
				return limitGroups;
			};
			const hasLimits = Object.values(limits).some(
				(value) => value !== undefined,
			);
			return new LinuxEnclosure(trees, {
				tags,
				adoptions,
				oom,
				cgroups,
				limit: (group) => (hasLimits ? groups().add(limits, group) : undefined),
				share: () => groups().add({}, undefined),
			});
		},
		mark: tags.mark,
		unmarked: (start) => tags.without(start),
		makeCgroup() {
			if (adoptions) cgroups ??= openCgroups(livesIn);
			return cgroups instanceof Cgroups ? cgroups.directory : undefined;
		},
		holdDirectory(path) {
			const fd = openSync(path, O_PATH | constants.O_DIRECTORY);
			// proc(5): in a child that is about to run a program it is the same one.
			const held = `/proc/self/fd/${fd}`;
			const real = readlinkSync(held);
			return { path: held, real, [Symbol.dispose]: () => closeSync(fd) };
		},
		onLimitFolder(told) {
			onLimitFolder = told;
		},
		exit: (code) => libc._exit(code),
		endWithin: (seconds) => void libc.alarm(seconds),
		release() {
			if (cgroups instanceof Cgroups) cgroups.remove();
			limitGroups?.remove();
		},
		guarantees: (test) => linuxGuarantees(libc, tags, test),
	};
}

function openPipe(libc: Libc): PipeEnds {
	const ends = new Int32Array(2);
	if (libc.pipe2(ptr(ends), O_CLOEXEC) !== 0)
		throw new Error("pipe2 failed: too many open files");
	const [read = -1, write = -1] = ends;
	return { read, write };
}

/** poll(2): a pipe without a reader is in error, whatever is asked for. */
function hasReader(libc: Libc, fd: number): boolean {
	// struct pollfd: the descriptor, what is asked for, and what there is.
	const asked = new Int32Array([fd, 0]);
	// Not what it returns: a signal ends it with EINTR, and then nothing is known.
	libc.poll(ptr(asked), 1n, 0);
	return asked[1] === 0;
}

function hasCapabilities(libc: Libc, path: string): boolean {
	const file = cString(path);
	const name = cString("security.capability");
	return Number(libc.getxattr(ptr(file), ptr(name), null, 0n)) > 0;
}
