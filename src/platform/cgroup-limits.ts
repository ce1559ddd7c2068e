import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { LimitName, Limits } from "../security/resources.ts";
import { removeStale, removeTree, serverGroupName } from "./cgroup.ts";
import { type Controller, findCgroupHome } from "./cgroup-mounts.ts";

const MB = 2 ** 20;
/** Microseconds in which a quota of CPU is given out (kernel's sched-bwc.rst). */
const PERIOD = 100_000;
/** The least quota that the kernel takes. */
const LEAST_QUOTA = 1000;

/**
 * What is written for a limit. CPU is held to it. The others are backstops for what
 * happens between two looks of the server, which ends the tree at the limit itself:
 * far enough above that nothing within the limit comes near.
 */
interface Rule {
	readonly controller: Controller;
	/** Files and their values. */
	readonly v1: readonly (readonly [string, string])[];
	readonly v2: readonly (readonly [string, string])[];
	/** In words, what then enforces the limit. */
	readonly how: string;
}

const RULES: {
	readonly [name in LimitName]?: (limit: number) => Rule;
} = {
	maxCpuPercent(limit) {
		const quota = Math.max(LEAST_QUOTA, Math.round((limit * PERIOD) / 100));
		return {
			controller: "cpu",
			v1: [
				["cpu.cfs_period_us", String(PERIOD)],
				["cpu.cfs_quota_us", String(quota)],
			],
			v2: [["cpu.max", `${quota} ${PERIOD}`]],
			how: "the kernel (control group)",
		};
	},
	maxMemoryMB(limit) {
		const most = Math.ceil(limit * 1.25 + 64);
		return {
			controller: "memory",
			v1: [["memory.limit_in_bytes", String(most * MB)]],
			v2: [["memory.max", String(most * MB)]],
			how: `the server, which ends the tree; in between the kernel (control group), at ${most} MB`,
		};
	},
	maxProcesses(limit) {
		// The kernel counts threads.
		const most = limit * 16 + 500;
		return {
			controller: "pids",
			v1: [["pids.max", String(most)]],
			v2: [["pids.max", String(most)]],
			how: `the server, which ends the tree; in between the kernel (control group), at ${most} threads`,
		};
	},
};

/** Where a controller can be used: a folder for this server's groups. */
interface Place {
	readonly directory: string;
	readonly version: 1 | 2;
}

/** The control groups in which the kernel holds trees to their limits. */
export class LimitGroups {
	#count = 0;

	private constructor(
		private readonly places: ReadonlyMap<Controller, Place>,
	) {}

	/**
	 * Version 2 where the groups below this server's own have a controller, else
	 * version 1 where it is mounted and this user's; a controller that has neither
	 * is left out.
	 *
	 * @param own this server's group of version 2, if it has one
	 */
	static open(
		own: string | undefined,
		mounts = readFileSync("/proc/self/mountinfo", "utf8"),
		membership = readFileSync("/proc/self/cgroup", "utf8"),
	): LimitGroups {
		const name = own ? basename(own) : serverGroupName();
		const places = new Map<Controller, Place>();
		for (const controller of ["cpu", "memory", "pids"] as const) {
			if (own !== undefined && enable(own, controller)) {
				places.set(controller, { directory: own, version: 2 });
				continue;
			}
			const home = findCgroupHome(controller, mounts, membership);
			if ("reason" in home) continue;
			const directory = join(home.directory, name);
			if (make(directory)) places.set(controller, { directory, version: 1 });
		}
		for (const { directory } of places.values())
			removeStale(dirname(directory));
		return new LimitGroups(places);
	}

	get controllers(): readonly Controller[] {
		return [...this.places.keys()];
	}

	/** Where the groups are that are in no other folder of this server's. */
	get folders(): readonly string[] {
		return ofVersion1(this.places);
	}

	/**
	 * A group with limits, for one tree.
	 *
	 * @param group the tree's own group of version 2, if it has one
	 */
	add(limits: Limits, group: string | undefined): LimitGroup {
		const name = String(this.#count++);
		const held = new Map<LimitName, string>();
		const joined = new Map<Controller, Place>();
		for (const [limit, ruleFor] of Object.entries(RULES) as [
			LimitName,
			(limit: number) => Rule,
		][]) {
			const value = limits[limit];
			if (value === undefined) continue;
			const rule = ruleFor(value);
			const place = this.places.get(rule.controller);
			if (!place) continue;
			const directory =
				place.version === 2 ? group : join(place.directory, name);
			if (directory === undefined) continue;
			const files = place.version === 2 ? rule.v2 : rule.v1;
			if (!make(directory) || !files.every((file) => put(directory, ...file)))
				continue;
			held.set(limit, rule.how);
			joined.set(rule.controller, { ...place, directory });
		}
		// Else each session has a share of the processors of its own (autogroup,
		// sched(7)), and a thousand of them leave this server nothing.
		const cpu = this.places.get("cpu");
		if (cpu?.version === 1 && !joined.has("cpu")) {
			const directory = join(cpu.directory, name);
			if (make(directory)) joined.set("cpu", { ...cpu, directory });
		}
		return new LimitGroup(held, joined, limits.maxProcesses);
	}

	/** Removes what is empty. */
	remove(): void {
		for (const { directory } of this.places.values()) removeTree(directory);
	}
}

/** One tree's limits. */
export class LimitGroup {
	/**
	 * @param held what enforces each limit, of those that the kernel helps with
	 * @param maxProcesses the limit itself
	 */
	constructor(
		readonly held: ReadonlyMap<LimitName, string>,
		private readonly joined: ReadonlyMap<Controller, Place>,
		readonly maxProcesses?: number,
	) {}

	/** From now on no member can start a process or a thread. */
	forbidForks(): void {
		const place = this.joined.get("pids");
		if (place) put(place.directory, "pids.max", "0");
	}

	/** Whether there is a group that processes are not in from their start, as with version 1. */
	get isJoinedLater(): boolean {
		return this.#later.length > 0;
	}

	/**
	 * Puts processes into such groups, each once; what this gives is to be called again
	 * and again, and answers whether any was new.
	 */
	joining(): (pids: readonly number[]) => boolean {
		const joined = new Set<number>();
		return (pids) => {
			const found = pids.filter((pid) => !joined.has(pid));
			for (const directory of this.#later)
				for (const pid of found) put(directory, "cgroup.procs", String(pid));
			for (const pid of found) joined.add(pid);
			return found.length > 0;
		};
	}

	/** Groups that processes are not in from their start. */
	get #later(): readonly string[] {
		return ofVersion1(this.joined);
	}

	/** Whether the kernel has ended a member because the memory of all was at its most. */
	wasOutOfMemory(): boolean {
		const place = this.joined.get("memory");
		if (!place) return false;
		const file = place.version === 2 ? "memory.events" : "memory.oom_control";
		try {
			const text = readFileSync(join(place.directory, file), "utf8");
			return /^oom_kill [1-9]/m.test(text);
		} catch {
			return false;
		}
	}

	/** Removes it, once all members have ended. */
	remove(): void {
		for (const directory of this.#later) removeTree(directory);
	}
}

function ofVersion1(places: ReadonlyMap<Controller, Place>): readonly string[] {
	return [...places.values()].flatMap(({ version, directory }) =>
		version === 1 ? [directory] : [],
	);
}

/** Whether the groups below one of version 2 have a controller, or get it now. */
function enable(directory: string, controller: Controller): boolean {
	return put(directory, "cgroup.subtree_control", `+${controller}`);
}

function make(directory: string): boolean {
	try {
		mkdirSync(directory, { recursive: true });
		return true;
	} catch {
		return false;
	}
}

/** Writes a value, where the kernel has the file and takes it. */
function put(directory: string, file: string, value: string): boolean {
	const path = join(directory, file);
	try {
		// A file that isn't there is not made: this is not always a real cgroup.
		if (!existsSync(path)) return false;
		writeFileSync(path, value);
		return true;
	} catch {
		return false;
	}
}
