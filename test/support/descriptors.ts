import { readdirSync, readlinkSync } from "node:fs";

/** This process's open file descriptors and what they are; /proc has them on Linux. */
export function openDescriptors(): ReadonlyMap<number, string> {
	const open = new Map<number, string>();
	for (const fd of readdirSync("/proc/self/fd")) {
		try {
			open.set(Number(fd), readlinkSync(`/proc/self/fd/${fd}`));
		} catch {
			// The one that listed the folder is closed again.
		}
	}
	return open;
}

/** Pipes, sockets and pidfds that were not open before: what a launch could leave behind. */
export function newDescriptors(before: ReadonlyMap<number, string>): string[] {
	return [...openDescriptors()]
		.filter(([fd, target]) => before.get(fd) !== target)
		.map(([fd, target]) => `${fd} -> ${target}`);
}
