import { accessSync, constants } from "node:fs";
import { relative, resolve } from "node:path";
import { messageOf } from "../errors.ts";

/** Where this process's control groups are, or why there are none for it. */
export type CgroupHome =
	| { readonly directory: string }
	| { readonly reason: string };

/** What limits can be put on a group with. */
export type Controller = "cpu" | "memory" | "pids";

/**
 * The control group (cgroups(7)) that this process is in, if it may make groups
 * below it and move processes there.
 *
 * @param hierarchy version 2's, or the one of version 1 that has a controller
 * @param mounts text of /proc/self/mountinfo
 * @param membership text of /proc/self/cgroup
 */
export function findCgroupHome(
	hierarchy: "v2" | Controller,
	mounts: string,
	membership: string,
): CgroupHome {
	const name = hierarchy === "v2" ? "cgroup version 2" : `${hierarchy} cgroup`;
	const mount = findMount(hierarchy, mounts);
	if (!mount) return { reason: `no ${name} is mounted` };
	const path = membership
		.split("\n")
		.map((line) => /^\d+:([^:]*):(\/.*)$/.exec(line))
		.find((match) => match && isOf(hierarchy, match[1] ?? ""))?.[2];
	const below = path === undefined ? ".." : relative(mount.root, path);
	// A path that leads out of the mount is that of another cgroup namespace.
	if (path?.startsWith("/..") || below.startsWith(".."))
		return { reason: "this process is in no cgroup that it can see" };
	const directory = resolve(mount.place, below);
	try {
		// What a start in a group below needs, by the rules of delegation
		// (kernel's cgroup-v2.rst, "Delegation Containment").
		for (const file of ["", "cgroup.procs"])
			accessSync(resolve(directory, file), constants.W_OK);
	} catch (error) {
		return { reason: `${directory} is not this user's: ${messageOf(error)}` };
	}
	return { directory };
}

/** In /proc/self/cgroup version 2's line has no controllers. */
function isOf(hierarchy: "v2" | Controller, controllers: string): boolean {
	return hierarchy === "v2"
		? controllers === ""
		: controllers.split(",").includes(hierarchy);
}

/** The first place where a hierarchy is mounted (proc_pid_mountinfo(5)). */
function findMount(
	hierarchy: "v2" | Controller,
	mounts: string,
): { readonly root: string; readonly place: string } | undefined {
	for (const line of mounts.split("\n")) {
		const [left = "", right = ""] = line.split(" - ", 2);
		const [, , , root, place] = left.split(" ");
		const [type, , options = ""] = right.split(" ");
		if (!root || !place) continue;
		const matches =
			hierarchy === "v2"
				? type === "cgroup2"
				: type === "cgroup" && options.split(",").includes(hierarchy);
		if (matches)
			return { root: unescapePath(root), place: unescapePath(place) };
	}
	return undefined;
}

function unescapePath(text: string): string {
	return text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
		String.fromCharCode(Number.parseInt(octal, 8)),
	);
}
