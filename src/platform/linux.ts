import { LIMIT_NAMES } from "../security/resources.ts";
import { Adoptions } from "./adoption.ts";
import { cString, openLinuxLibc, ptr } from "./ffi.ts";
import { LinuxTree } from "./linux-tree.ts";
import type { PipeEnds, Platform } from "./platform.ts";

const O_CLOEXEC = 0o2000000;
const O_NONBLOCK = 0o4000;
const F_GETFL = 3;
const F_SETFL = 4;
const PR_SET_PDEATHSIG = 1;
const PR_SET_DUMPABLE = 4;
const PR_SET_CHILD_SUBREAPER = 36;
const PR_SET_NO_NEW_PRIVS = 38;
const WNOHANG = 1;
const SC_CLK_TCK = 2;
const SC_PAGESIZE = 30;

type Libc = ReturnType<typeof openLinuxLibc>;

export function createLinux(): Platform {
	const libc = openLinuxLibc();
	const units = {
		ticksPerSecond: Number(libc.sysconf(SC_CLK_TCK)),
		pageSize: Number(libc.sysconf(SC_PAGESIZE)),
	};
	let adoptions: Adoptions | undefined;
	return {
		pipes: {
			open: () => openPipe(libc),
			setNonBlocking(fd) {
				libc.fcntl(fd, F_SETFL, libc.fcntl(fd, F_GETFL, 0) | O_NONBLOCK);
			},
		},
		enforceable: new Set(LIMIT_NAMES),
		prepareServer() {
			// Children can't gain privileges by what they start (prctl(2)): a setuid
			// program that an allowed one runs stays without its rights.
			if (libc.prctl(PR_SET_NO_NEW_PRIVS, 1n, 0n, 0n, 0n) !== 0)
				throw new Error("prctl(PR_SET_NO_NEW_PRIVS) failed");
			// --no-orphans also ties this process to the thread that started it, so a
			// client that starts servers from a worker thread would lose them.
			libc.prctl(PR_SET_PDEATHSIG, 0n, 0n, 0n, 0n);
			// Whatever a child leaves behind becomes a child of this process, where it
			// can be found, ended and reaped.
			if (libc.prctl(PR_SET_CHILD_SUBREAPER, 1n, 0n, 0n, 0n) !== 0)
				throw new Error("prctl(PR_SET_CHILD_SUBREAPER) failed");
			adoptions = new Adoptions((pid) => {
				// By its pid: for any child, the runtime's own would be taken from it.
				libc.waitpid(pid, null, WNOHANG);
			});
			// Children of the same user may not reach this process's descriptors,
			// memory or environment through /proc: with them they could write to the
			// client in its name. What they exec is dumpable again.
			if (libc.prctl(PR_SET_DUMPABLE, 0n, 0n, 0n, 0n) !== 0)
				throw new Error("prctl(PR_SET_DUMPABLE) failed");
		},
		hasCapabilities: (path) => hasCapabilities(libc, path),
		keepOut(pid) {
			adoptions?.register(pid);
			adoptions?.keepOut(pid);
		},
		reaped: (pid) => adoptions?.unregister(pid),
		orphans: () => adoptions?.all() ?? [],
		track(leader, pipes) {
			adoptions?.register(leader);
			return new LinuxTree(leader, pipes, units, libc, adoptions);
		},
	};
}

function openPipe(libc: Libc): PipeEnds {
	const ends = new Int32Array(2);
	if (libc.pipe2(ptr(ends), O_CLOEXEC) !== 0)
		throw new Error("pipe2 failed: too many open files");
	const [read = -1, write = -1] = ends;
	return { read, write };
}

function hasCapabilities(libc: Libc, path: string): boolean {
	const file = cString(path);
	const name = cString("security.capability");
	return Number(libc.getxattr(ptr(file), ptr(name), null, 0n)) > 0;
}
