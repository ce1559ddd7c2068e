import { describe, expect, it } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { currentPlatform } from "../../src/platform/current.ts";
import type { Platform } from "../../src/platform/platform.ts";
import { childrenOf, socketAndPipeIds } from "../../src/platform/procfs.ts";
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

/** The guards that read from a pipe of this process, not those of others: their pids. */
function guards(): number[] {
	const ours = new Set(socketAndPipeIds("self"));
	return readdirSync("/proc")
		.map(Number)
		.filter((pid) => pid > 0 && isGuard(pid) && reads(pid, ours));
}

function isGuard(pid: number): boolean {
	try {
		const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
		return line.startsWith("/bin/sh\0-c\0\nexec 3<&0") && isAlive(pid);
	} catch {
		return false;
	}
}

function reads(pid: number, pipes: ReadonlySet<string>): boolean {
	return socketAndPipeIds(pid).some((id) => pipes.has(id));
}

/** The one that stands by: the shell that started it has ended. */
async function oneGuard(): Promise<number> {
	return await eventually(() => {
		const [pid, ...more] = guards();
		if (pid === undefined || more.length > 0) return undefined;
		return childrenOf(process.pid).includes(pid) ? undefined : pid;
	}, "one guard");
}

/** A system on which processes have no mark, so that the guard is told of their groups. */
async function unmarked(): Promise<Platform> {
	return { ...(await currentPlatform()), mark: undefined };
}

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
		using one = group();
		const guard = new Guard(await unmarked());
		for (let turn = 0; turn < 100; turn++) {
			guard.add(one.pid);
			guard.remove(one.pid);
		}
		const mine = await oneGuard();
		guard.close();
		await eventually(() => (isAlive(mine) ? undefined : true), "its end");
		expect(isAlive(one.pid)).toBe(true);
	});

	it("kills what has its mark, but not the server, nor who shares its group", async () => {
		const script = join(import.meta.dir, "../fixtures/marked-server.ts");
		const server = Bun.spawn([process.execPath, script], {
			detached: true,
			stdio: ["ignore", "pipe", "inherit"],
		});
		try {
			expect(await server.stdout.text()).toBe("lives\n");
			expect(await server.exited).toBe(0);
		} finally {
			server.kill("SIGKILL");
		}
	});

	it.each(["SIGKILL", "SIGSTOP"] as const)(
		"is replaced when somebody sends it %s",
		async (signal) => {
			using one = group();
			using other = group();
			const guard = new Guard(await unmarked());
			guard.add(one.pid);
			const first = await oneGuard();
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
