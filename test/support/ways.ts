import { readFileSync } from "node:fs";
import { Cgroups } from "../../src/platform/cgroup.ts";
import { findCgroupHome } from "../../src/platform/cgroup-mounts.ts";
import { openCgroups } from "../../src/platform/linux-enclosure.ts";

/** A way to run the server, which differs in what the kernel gives it to hold trees together with. */
export interface Way {
	readonly name: string;
	/** The command that the server's own is appended to. */
	readonly wrapper: readonly string[];
	readonly hasCgroups: boolean;
	/** Whether it can be had on this machine. */
	readonly isAvailable: boolean;
}

/** Hides the control groups from what it runs; the process stays the same one. */
const HIDE = [
	"unshare",
	process.getuid?.() === 0 ? "-m" : "-mr",
	"sh",
	"-c",
	'mount -t tmpfs none /sys/fs/cgroup && exec "$@"',
	"sh",
];

export const WITH_CGROUPS: Way = {
	name: "with control groups",
	wrapper: [],
	hasCgroups: true,
	isAvailable: process.platform === "linux" && hasCgroups(),
};

export const WITHOUT_CGROUPS: Way = {
	name: "without control groups",
	wrapper: WITH_CGROUPS.isAvailable ? HIDE : [],
	hasCgroups: false,
	isAvailable:
		process.platform === "linux" &&
		(!WITH_CGROUPS.isAvailable || Bun.spawnSync([...HIDE, "true"]).success),
};

/** What these tests are run for, one after the other. */
export const WAYS = [WITH_CGROUPS, WITHOUT_CGROUPS].filter(
	({ isAvailable }) => isAvailable,
);

function hasCgroups(): boolean {
	const cgroups = openCgroups();
	if (!(cgroups instanceof Cgroups)) return false;
	cgroups.remove();
	return true;
}

/** Folder below which servers that this process starts make their control groups, those of version 2 or of a controller. */
export function cgroupHome(
	kind: Parameters<typeof findCgroupHome>[0] = "v2",
): string | undefined {
	const home = findCgroupHome(
		kind,
		readFileSync("/proc/self/mountinfo", "utf8"),
		readFileSync("/proc/self/cgroup", "utf8"),
	);
	return "directory" in home ? home.directory : undefined;
}
