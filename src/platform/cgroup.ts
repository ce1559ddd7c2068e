import { randomBytes } from "node:crypto";
import {
	accessSync,
	constants,
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	rmdirSync,
	writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { messageOf } from "../errors.ts";

/** Where this process's control groups are, or why there are none for it. */
export type CgroupHome =
	| { readonly directory: string }
	| { readonly reason: string };

/**
 * The control group (cgroups(7), version 2) that this process is in, if it may
 * make groups below it and move processes there.
 *
 * @param mounts text of /proc/self/mountinfo
 * @param membership text of /proc/self/cgroup
 */
export function findCgroupHome(mounts: string, membership: string): CgroupHome {
	const root = mountPoint(mounts);
	if (root === undefined) return { reason: "no cgroup version 2 is mounted" };
	const path = /^0::(\/.*)$/m.exec(membership)?.[1];
	// A path that leads out of the mount is that of another cgroup namespace.
	if (path === undefined || path.startsWith("/.."))
		return { reason: "this process is in no cgroup that it can see" };
	const directory = resolve(root, `.${path}`);
	try {
		// What a start in a group below needs, by the rules of delegation
		// (kernel's cgroup-v2.rst, "Delegation Containment").
		for (const name of ["", "cgroup.procs"])
			accessSync(join(directory, name), constants.W_OK);
	} catch (error) {
		return { reason: `${directory} is not this user's: ${messageOf(error)}` };
	}
	return { directory };
}

/** The first place where cgroup version 2 is mounted (proc_pid_mountinfo(5)). */
function mountPoint(mounts: string): string | undefined {
	for (const line of mounts.split("\n")) {
		const [left = "", right = ""] = line.split(" - ", 2);
		const [, , , root, place] = left.split(" ");
		if (right.startsWith("cgroup2 ") && root === "/" && place)
			return place.replace(/\\([0-7]{3})/g, (_, octal: string) =>
				String.fromCharCode(Number.parseInt(octal, 8)),
			);
	}
	return undefined;
}

/** The control groups of one server: a folder, and one below it for each tree. */
export class Cgroups {
	#count = 0;
	#isUsable = true;

	private constructor(readonly directory: string) {}

	/**
	 * @throws Error where the system refuses, or can't end a whole group at once
	 *   (cgroup.kill, since Linux 5.14)
	 */
	static create(home: string): Cgroups {
		const name = `mcp-process-${process.pid}-${randomBytes(4).toString("hex")}`;
		const directory = join(home, name);
		mkdirSync(directory);
		removeStale(home);
		const cgroups = new Cgroups(directory);
		if (existsSync(join(directory, "cgroup.kill"))) return cgroups;
		cgroups.remove();
		throw new Error("this kernel has no cgroup.kill");
	}

	/** A new group; undefined where there can't be another one. */
	add(): Cgroup | undefined {
		if (!this.#isUsable) return undefined;
		const directory = join(this.directory, String(this.#count++));
		try {
			// The folder above may have been taken for one that somebody left.
			mkdirSync(directory, { recursive: true });
			return new Cgroup(directory);
		} catch {
			return undefined;
		}
	}

	/** To be called when processes can't be started in a group here, whatever its files say. */
	giveUp(): void {
		this.#isUsable = false;
	}

	/** Removes what is empty. */
	remove(): void {
		removeTree(this.directory);
	}
}

/** One tree's control group. */
export class Cgroup {
	constructor(readonly directory: string) {}

	/** Pids of the members; a zombie is none. */
	members(): number[] {
		try {
			const text = readFileSync(join(this.directory, "cgroup.procs"), "utf8");
			// 0 is a process of another pid namespace.
			return text.split("\n").map(Number).filter(Boolean);
		} catch {
			return [];
		}
	}

	/** Whether any member lives, also one that no list catches. */
	get isPopulated(): boolean {
		try {
			const text = readFileSync(join(this.directory, "cgroup.events"), "utf8");
			return /^populated 1$/m.test(text);
		} catch {
			return false;
		}
	}

	/**
	 * Sends SIGKILL to every member, and to those of groups below, in one step
	 * that a fork can't slip through.
	 */
	kill(): void {
		try {
			writeFileSync(join(this.directory, "cgroup.kill"), "1");
		} catch {
			// It was removed from outside: its members are found in other ways.
		}
	}

	/** Removes it and what its members made below it, once all of them have ended. */
	remove(): void {
		removeTree(this.directory);
	}
}

/** Removes what servers left that ended while something in it could not be ended. */
function removeStale(home: string): void {
	for (const name of readdirSync(home)) {
		const pid = /^mcp-process-(\d+)-/.exec(name)?.[1];
		if (pid !== undefined && !existsSync(`/proc/${pid}`))
			removeTree(join(home, name));
	}
}

function removeTree(directory: string): void {
	try {
		for (const entry of readdirSync(directory, { withFileTypes: true }))
			if (entry.isDirectory()) removeTree(join(directory, entry.name));
		rmdirSync(directory);
	} catch {
		// Somebody is in it, or it is gone.
	}
}
