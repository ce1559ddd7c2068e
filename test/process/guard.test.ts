import { describe, expect, it } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { currentPlatform } from "../../src/platform/current.ts";
import type { Platform } from "../../src/platform/platform.ts";
import { childrenOf } from "../../src/platform/procfs.ts";
import { Guard } from "../../src/process/guard.ts";
import { eventually, isAlive } from "../support/server.ts";

/** A group of its own that lives until it is killed. */
function group() {
	const child = Bun.spawn(["sleep", "100"], {
		stdio: ["ignore", "ignore", "ignore"],
		detached: true,
	});
	return {
		pid: child.pid,
		exited: child.exited,
		[Symbol.dispose]: () => child.kill("SIGKILL"),
	};
}

/** The guards that read from a pipe of this process: their pids. */
function guardsOf(before: ReadonlySet<number>): number[] {
	return readdirSync("/proc")
		.map(Number)
		.filter((pid) => pid > 0 && !before.has(pid) && isGuard(pid));
}

function isGuard(pid: number): boolean {
	try {
		const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
		return line.startsWith("/bin/sh\0-c\0\nexec 3<&0") && isAlive(pid);
	} catch {
		return false;
	}
}

/** A system on which processes have no mark, so that the guard is told of their groups. */
async function unmarked(): Promise<Platform> {
	return { ...(await currentPlatform()), mark: undefined };
}

const all = () => new Set(guardsOf(new Set()));

describe.skipIf(process.platform !== "linux")("the guard", () => {
	it("kills what is in its care when its pipe is closed, and nothing else", async () => {
		using one = group();
		using other = group();
		using released = group();
		const guard = new Guard(await unmarked());
		for (const { pid } of [one, other, released]) guard.add(pid);
		guard.remove(released.pid);
		guard.close();
		await Promise.all([one.exited, other.exited]);
		expect(isAlive(released.pid)).toBe(true);
	});

	it("is one process, no child of this one, and ends with its pipe", async () => {
		const before = all();
		using one = group();
		const guard = new Guard(await unmarked());
		for (let turn = 0; turn < 100; turn++) {
			guard.add(one.pid);
			guard.remove(one.pid);
		}
		const [mine] = await eventually(() => {
			const found = guardsOf(before);
			const settled = found.every(
				(pid) => !childrenOf(process.pid).includes(pid),
			);
			return found.length === 1 && settled ? found : undefined;
		}, "one guard");
		guard.close();
		await eventually(() => (isAlive(mine ?? 0) ? undefined : true), "its end");
		expect(isAlive(one.pid)).toBe(true);
	});

	it.each(["SIGKILL", "SIGSTOP"] as const)(
		"is replaced when somebody sends it %s",
		async (signal) => {
			const before = all();
			using one = group();
			using other = group();
			const guard = new Guard(await unmarked());
			guard.add(one.pid);
			const [first = 0] = await eventually(() => {
				const found = guardsOf(before);
				const settled = found.every(
					(pid) => !childrenOf(process.pid).includes(pid),
				);
				return found.length === 1 && settled ? found : undefined;
			}, "a guard");
			process.kill(first, signal);
			if (signal === "SIGKILL")
				await eventually(() => (isAlive(first) ? undefined : true), "its end");
			// A stopped one is noticed when its pipe is full.
			for (let turn = 0; turn < 10_000; turn++) {
				guard.add(other.pid);
				guard.remove(other.pid);
			}
			expect(isAlive(one.pid)).toBe(true);
			guard.close();
			await one.exited;
			expect(isAlive(other.pid)).toBe(true);
		},
		30_000,
	);
});
