import { LIMIT_NAMES } from "../security/resources.ts";
import { cString, openLinuxLibc, ptr } from "./ffi.ts";
import type {
	PipeEnds,
	Platform,
	Signal,
	Tree,
	TreeSample,
} from "./platform.ts";
import {
	allProcesses,
	childrenOf,
	countDescriptors,
	hasEnded,
	listeningPorts,
	type ProcStat,
	readIo,
	readProportionalSize,
	readStat,
} from "./procfs.ts";
import { sendSignal } from "./signal.ts";

const O_CLOEXEC = 0o2000000;
const O_NONBLOCK = 0o4000;
const F_GETFL = 3;
const F_SETFL = 4;
const PR_SET_PDEATHSIG = 1;
const PR_SET_DUMPABLE = 4;
const PR_SET_NO_NEW_PRIVS = 38;
const RLIMIT_NOFILE = 7;
const SC_CLK_TCK = 2;
const SC_PAGESIZE = 30;

type Libc = ReturnType<typeof openLinuxLibc>;

export function createLinux(): Platform {
	const libc = openLinuxLibc();
	const units = {
		ticksPerSecond: Number(libc.sysconf(SC_CLK_TCK)),
		pageSize: Number(libc.sysconf(SC_PAGESIZE)),
	};
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
			// Children of the same user may not reach this process's descriptors,
			// memory or environment through /proc: with them they could write to the
			// client in its name. What they exec is dumpable again.
			if (libc.prctl(PR_SET_DUMPABLE, 0n, 0n, 0n, 0n) !== 0)
				throw new Error("prctl(PR_SET_DUMPABLE) failed");
		},
		hasCapabilities: (path) => hasCapabilities(libc, path),
		track: (leader) => new LinuxTree(leader, units, libc),
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

interface Units {
	readonly ticksPerSecond: number;
	readonly pageSize: number;
}

/**
 * A tree found in /proc: the process group and session of the leader, and the
 * descendants that left them but still have their parents.
 */
class LinuxTree implements Tree {
	/** Start times by pid, of every member seen so far. */
	readonly #known = new Map<number, number>();
	readonly #leaderStart: number | undefined;

	constructor(
		private readonly leader: number,
		private readonly units: Units,
		private readonly libc: Libc,
	) {
		this.#leaderStart = readStat(leader)?.startTime;
	}

	signal(signal: Signal): void {
		const members = this.#members();
		const inGroup = members.some(({ group }) => group === this.leader);
		// The kernel keeps a pid from being used again while it names a group.
		if (inGroup) sendSignal(-this.leader, signal);
		for (const { pid, group } of members) {
			if (group !== this.leader) sendSignal(pid, signal);
		}
	}

	alive(): readonly number[] {
		return this.#members().map(({ pid }) => pid);
	}

	async sample(): Promise<TreeSample | undefined> {
		const members = this.#members();
		if (members.length === 0) return undefined;
		const io = members.map(({ pid }) => readIo(pid));
		const sum = (values: readonly number[]) =>
			values.reduce((total, value) => total + value, 0);
		const { ticksPerSecond, pageSize } = this.units;
		return {
			processCount: members.length,
			threadCount: sum(members.map(({ threads }) => threads)),
			cpuSeconds: sum(members.map(({ cpuTicks }) => cpuTicks)) / ticksPerSecond,
			memoryBytes:
				sum(members.map(({ residentPages }) => residentPages)) * pageSize,
			ioReadBytes: sum(io.map((value) => value?.read ?? 0)),
			ioWriteBytes: sum(io.map((value) => value?.written ?? 0)),
		};
	}

	proportionalMemory(): number | undefined {
		const sizes = this.alive().map(readProportionalSize);
		return sizes.every((size) => size !== undefined)
			? sizes.reduce((total, size) => total + size, 0)
			: undefined;
	}

	limitDescriptors(count: number): void {
		// struct rlimit64 { rlim_cur, rlim_max }, getrlimit(2).
		const limit = new BigUint64Array([BigInt(count), BigInt(count)]);
		for (const pid of this.alive())
			this.libc.prlimit(pid, RLIMIT_NOFILE, ptr(limit), null);
	}

	openDescriptors(): number {
		return Math.max(0, ...this.alive().map(countDescriptors));
	}

	listeningPorts(): readonly number[] {
		return listeningPorts(this.alive());
	}

	/** Every living member. */
	#members(): ProcStat[] {
		for (const stat of this.#descendants()) this.#remember(stat);
		if (this.#orphansMayLive()) {
			for (const stat of allProcesses()) {
				if (stat.session === this.leader && this.#isOurs(stat))
					this.#remember(stat);
			}
		}
		return [...this.#known].flatMap(([pid, startTime]) => {
			const stat = readStat(pid);
			const lives = stat?.startTime === startTime && !hasEnded(stat);
			if (!lives) this.#known.delete(pid);
			return lives ? [stat] : [];
		});
	}

	#remember({ pid, startTime }: ProcStat): void {
		this.#known.set(pid, startTime);
	}

	#descendants(): ProcStat[] {
		const found = new Map<number, ProcStat>();
		const queue = [...this.#known.keys()];
		if (this.#leaderIsOurs()) queue.push(this.leader);
		for (let pid = queue.pop(); pid !== undefined; pid = queue.pop()) {
			const stat = found.has(pid) ? undefined : readStat(pid);
			if (!stat || !this.#isOurs(stat)) continue;
			found.set(pid, stat);
			queue.push(...childrenOf(pid));
		}
		return [...found.values()];
	}

	/** A member started no earlier than the leader; one that did has only inherited a pid. */
	#isOurs(stat: ProcStat): boolean {
		const known = this.#known.get(stat.pid);
		if (known !== undefined) return known === stat.startTime;
		return (
			this.#leaderStart !== undefined && stat.startTime >= this.#leaderStart
		);
	}

	/** Whether the leader's pid is still its own, alive or as a zombie. */
	#leaderIsOurs(): boolean {
		const stat = readStat(this.leader);
		return stat !== undefined && stat.startTime === this.#leaderStart;
	}

	/** Once the leader has ended, its group is found only by looking at all processes. */
	#orphansMayLive(): boolean {
		const stat = readStat(this.leader);
		const leaderLives = stat !== undefined && !hasEnded(stat);
		return !leaderLives && sendSignal(-this.leader, 0);
	}
}
