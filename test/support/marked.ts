import { randomInt } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { childrenOf, hasEnded, readStat } from "../../src/platform/procfs.ts";
import { killQuietly } from "./managed.ts";
import { eventually, isAlive } from "./server.ts";
import { cgroupHome } from "./ways.ts";

/** A number, taken for seconds by fixtures, that the command lines of one tree have and no others. */
export class Mark implements AsyncDisposable {
	readonly text = String(randomInt(10 ** 9, 2 ** 31));

	/** Pids of the living processes with this mark. */
	alive(): number[] {
		return readdirSync("/proc")
			.map(Number)
			.filter((pid) => pid > 0 && argumentsOf(pid).includes(this.text));
	}

	/**
	 * Looks until none of them lives, or for so many milliseconds.
	 *
	 * @returns those that are left, and how long it took
	 */
	async outlives(
		patience: number,
	): Promise<{ readonly left: number[]; readonly took: number }> {
		const began = performance.now();
		for (;;) {
			const left = this.alive();
			const took = performance.now() - began;
			if (left.length === 0 || took >= patience)
				return { left, took: Math.round(took) };
			await Bun.sleep(5);
		}
	}

	/** Kills what a failed test left; also what forks while it is looked for. */
	async [Symbol.asyncDispose](): Promise<void> {
		await eventually(() => {
			const left = this.alive();
			left.forEach(killQuietly);
			return left.length === 0 || undefined;
		}, `every process marked ${this.text} to end`);
	}
}

function argumentsOf(pid: number): string[] {
	try {
		return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
	} catch {
		return [];
	}
}

/** Bytes of a file; 0 where there is none. */
export function sizeOf(path: string): number {
	return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** Children of a process that have ended and were not reaped. */
export function zombiesOf(pid: number): number[] {
	return childrenOf(pid).filter((child) => {
		const stat = readStat(child);
		return stat !== undefined && hasEnded(stat);
	});
}

/** The living children of a server that run its guard's script. */
export function guardsOf(server: number): number[] {
	return childrenOf(server).filter(
		(pid) => isAlive(pid) && argumentsOf(pid)[2]?.startsWith("\nexec 3<&0"),
	);
}

/** Folders of the control groups that a server made and that are left. */
export function cgroupsOf(server: number): string[] {
	const home = cgroupHome();
	if (home === undefined || !existsSync(home)) return [];
	return readdirSync(home).filter((name) =>
		name.startsWith(`mcp-process-${server}-`),
	);
}

/** The same, of those in which the kernel holds trees to their limits. */
export function limitFoldersOf(server: number): string[] {
	return (["cpu", "memory", "pids"] as const)
		.flatMap((controller) => cgroupHome(controller) ?? [])
		.filter((home) => existsSync(home))
		.flatMap((home) => readdirSync(home).map((name) => join(home, name)))
		.filter((path) => path.includes(`/mcp-process-${server}-`));
}

/** Whether a control group of that name, as `cgroupsOf` gives it, is still there. */
export function isCgroup(name: string): boolean {
	return existsSync(join(cgroupHome() ?? "", name));
}

/** How many trees of a server's have a control group that is left. */
export function treeGroupsOf(server: number): number {
	return cgroupsOf(server).reduce((sum, name) => {
		const entries = readdirSync(join(cgroupHome() ?? "", name), {
			withFileTypes: true,
		});
		return sum + entries.filter((entry) => entry.isDirectory()).length;
	}, 0);
}

/** Whether a process is in a control group of a server's. */
export function isInCgroup(pid: number): boolean {
	return /^0::.*\/mcp-process-/m.test(
		readFileSync(`/proc/${pid}/cgroup`, "utf8"),
	);
}
