import { describe, expect, it } from "bun:test";
import { closeSync, fstatSync, readFileSync, writeSync } from "node:fs";
import { systemCode } from "../../src/errors.ts";
import { createDarwin, darwinGuarantees } from "../../src/platform/darwin.ts";
import { DarwinTree } from "../../src/platform/darwin-tree.ts";
import { ProcessTable } from "../../src/platform/process-table.ts";
import { Guard } from "../../src/process/guard.ts";
import { launch } from "../../src/process/launcher.ts";
import { admit } from "../support/gate.ts";
import {
	killQuietly,
	platform,
	python,
	type Running,
	run,
	sh,
} from "../support/managed.ts";
import { LinuxProcesses } from "../support/processes.ts";
import { eventually, isAlive } from "../support/server.ts";

const DARWIN = process.platform === "darwin";
const LINUX = process.platform === "linux";

const sorted = (pids: readonly number[]) => [...pids].sort((a, b) => a - b);

/** The same processes seen as on a Mac: there by the system itself, here by what /proc tells. */
function treeOf({ launched }: Running) {
	if (DARWIN) return launched.tree;
	return new DarwinTree(launched.pid, new ProcessTable(new LinuxProcesses()), {
		usage: () => undefined,
		sockets: () => [],
		listeningPort: () => undefined,
	});
}

describe.skipIf(!DARWIN && !LINUX)("a tree of real processes", () => {
	it("is its leader alone at first, and nobody at last", async () => {
		await using running = await run("/bin/sleep", ["60"]);
		const tree = treeOf(running);
		expect(tree.alive()).toEqual([running.launched.pid]);
		tree.signal("SIGKILL");
		await running.process.ended;
		expect(tree.alive()).toEqual([]);
		expect(await tree.sample()).toBeUndefined();
		expect(tree.listeningPorts()).toEqual([]);
		for (const signal of ["SIGTERM", "SIGCONT", "SIGKILL"] as const)
			expect(() => tree.signal(signal)).not.toThrow();
	});

	it("does not count a zombie for alive", async () => {
		await using running = await sh("sh -c 'exit 0' & exec sleep 60");
		const tree = treeOf(running);
		await eventually(
			() => (tree.alive().length === 1 ? true : undefined),
			"the child to be a zombie",
		);
		expect(tree.alive()).toEqual([running.launched.pid]);
	});

	it("has children, grandchildren and those in sessions of their own", async () => {
		await using running = await python(`
import os, time
if os.fork() == 0:
    if os.fork() == 0:
        os.setsid()
        print("ready", flush=True)
time.sleep(60)`);
		await running.says(/ready/);
		const tree = treeOf(running);
		expect(tree.alive()).toHaveLength(3);
		tree.signal("SIGKILL");
		await eventually(
			() => (tree.alive().length === 0 ? true : undefined),
			"all three to be gone",
		);
	});

	it("keeps those that it has seen when their parents are gone", async () => {
		await using running = await python(`
import os, time
if os.fork() == 0:
    if os.fork() == 0:
        os.setsid()
        print(os.getpid(), flush=True)
        time.sleep(60)
    time.sleep(60)
time.sleep(60)`);
		const [, orphan] = await running.says(/(\d+)\n/);
		const tree = treeOf(running);
		expect(tree.alive()).toHaveLength(3);
		for (const member of tree.alive())
			if (member !== Number(orphan)) killQuietly(member);
		await running.process.ended;
		await eventually(
			() => (tree.alive().length === 1 ? true : undefined),
			"the others to be gone",
		);
		expect(tree.alive()).toEqual([Number(orphan)]);
		tree.signal("SIGKILL");
		await eventually(
			() => (isAlive(Number(orphan)) ? undefined : true),
			"the orphan to be gone",
		);
	});

	it("has the leader's group after the leader's end, never looked at before", async () => {
		await using running = await sh(
			"sleep 60 & sleep 60 & echo $!; read wait; exit 0",
			{ input: true },
		);
		const [, last] = await running.says(/(\d+)\n/);
		const tree = treeOf(running);
		await running.launched.stdin?.end();
		await running.launched.exited;
		const alive = await eventually(() => {
			const pids = tree.alive();
			return pids.includes(running.launched.pid) ? undefined : pids;
		}, "the leader's end");
		expect(alive).toHaveLength(2);
		expect(alive).toContain(Number(last));
		tree.signal("SIGKILL");
	});

	it("does not have its neighbours, nor this process", async () => {
		await using one = await sh("sleep 60 & echo ready; wait");
		await using other = await sh("sleep 60 & echo ready; wait");
		await Promise.all([one.says(/ready/), other.says(/ready/)]);
		const [mine, others] = [treeOf(one), treeOf(other)];
		expect(mine.alive()).toHaveLength(2);
		expect(others.alive()).toHaveLength(2);
		expect(mine.alive().filter((pid) => others.alive().includes(pid))).toEqual(
			[],
		);
		expect([...mine.alive(), ...others.alive()]).not.toContain(process.pid);
		mine.signal("SIGKILL");
		await one.process.ended;
		expect(others.alive()).toHaveLength(2);
	});
});

describe("the guarantees of macOS", () => {
	it.each([true, false])("are all there (with pipes: %p)", (hasPipes) => {
		const found = darwinGuarantees(hasPipes);
		expect(found.map(({ id }) => id)).toEqual([
			...["tree.termination", "tree.atomic-kill", "tree.daemons"],
			...["server.death", "pid.identity", "zombies", "privileges"],
			...["server.privacy", "streams.kernel-pipes", "ports", "graceful"],
		]);
		for (const id of ["server.death", "streams.kernel-pipes"]) {
			const { by } = found.find((each) => each.id === id) ?? {};
			expect(by === "unavailable").toBe(!hasPipes);
		}
	});
});

describe.skipIf(DARWIN)("elsewhere", () => {
	it("there is no libproc, which is said and no error", () => {
		expect(createDarwin()).toBeUndefined();
	});
});

describe.skipIf(!DARWIN)("on a Mac", () => {
	it("libproc tells the truth, and pipes get their flags", () => {
		expect(platform.enforceable.has("maxMemoryMB")).toBe(true);
		expect(platform.enforceable.has("maxFileDescriptors")).toBe(false);
		expect(platform.pipes).toBeDefined();
		expect(platform.guarantees(() => true)).toEqual(darwinGuarantees(true));
	});

	it("pipes join their ends, and fail with EAGAIN once non-blocking and full", () => {
		const ends = platform.pipes?.open();
		if (!ends) throw new Error("no pipes");
		writeSync(ends.write, "through");
		platform.pipes?.setNonBlocking(ends.write);
		let code: string | undefined;
		for (let count = 0; code === undefined && count < 1000; count++) {
			try {
				writeSync(ends.write, Buffer.alloc(65_536));
			} catch (error) {
				code = systemCode(error);
			}
		}
		expect(code).toBe("EAGAIN");
		closeSync(ends.write);
		expect(readFileSync(ends.read, "utf8")).toStartWith("through");
		closeSync(ends.read);
		expect(() => fstatSync(ends.read)).toThrow();
	});

	it("children can open their outputs by name, and have no other descriptors", async () => {
		await using running = await python(`
import os
with open("/dev/stderr", "w") as stream: stream.write("err\\n")
def is_open(fd):
    try: os.fstat(fd)
    except OSError: return False
    return True
print([fd for fd in range(1000) if is_open(fd)])`);
		await running.says(/^\[0, 1, 2\]$/m);
		await running.process.ended;
		expect(running.process.stderr.size).toBe(4);
	});

	it("a tree whose parent ended at once, unseen, is found by who started it", async () => {
		await using running = await python(`
import os, time
if os.fork() == 0:
    os.setsid()
    print(os.getpid(), flush=True)
    time.sleep(60)`);
		const [, daemon] = await running.says(/(\d+)\n/);
		await running.process.ended;
		expect(running.launched.tree.alive()).toEqual([Number(daemon)]);
		expect(platform.orphans().map(({ pid }) => pid)).toContain(Number(daemon));
	});

	it("a tree can be followed a hundred times over", async () => {
		const admitted = await admit("/usr/bin/true");
		for (let count = 0; count < 100; count++) {
			const launched = launch(
				admitted,
				{ capture: false, input: false },
				platform,
			);
			expect((await launched.exited).exitCode).toBe(0);
			expect(launched.tree.alive()).toEqual([]);
			launched.tree.forget();
		}
	});

	it("a sample measures CPU, memory and threads", async () => {
		await using running = await python(`
import time
memory = bytearray(100_000_000)
for at in range(0, len(memory), 4096): memory[at] = 1
end = time.process_time() + 0.5
while time.process_time() < end: pass
print("ready", flush=True)
time.sleep(60)`);
		await running.says(/ready/);
		const sample = await running.launched.tree.sample();
		expect(sample?.processCount).toBe(1);
		expect(sample?.threadCount).toBe(1);
		expect(sample?.cpuSeconds).toBeGreaterThan(0.5);
		expect(sample?.cpuSeconds).toBeLessThan(5);
		expect(sample?.memoryBytes).toBeGreaterThan(100_000_000);
		expect(sample?.memoryBytes).toBeLessThan(400_000_000);
	});

	it("the ports of all members are listed", async () => {
		await using running = await python(`
import os, socket, time
def listen(family, host):
    s = socket.socket(family); s.bind((host, 0)); s.listen(); return s
a = listen(socket.AF_INET, "127.0.0.1")
if os.fork() == 0:
    b = listen(socket.AF_INET6, "::1")
    print(a.getsockname()[1], b.getsockname()[1], flush=True)
    time.sleep(60)
time.sleep(60)`);
		const [, a, b] = await running.says(/(\d+) (\d+)\n/);
		expect(running.launched.tree.listeningPorts()).toEqual(
			sorted([Number(a), Number(b)]),
		);
	});

	it("the guard kills what is in its care when its pipe is closed", async () => {
		await using one = await run("/bin/sleep", ["60"]);
		await using other = await run("/bin/sleep", ["60"]);
		const guard = new Guard(platform);
		guard.add(one.launched.pid);
		guard.add(other.launched.pid);
		guard.remove(other.launched.pid);
		guard.close();
		await one.process.ended;
		expect(one.process.termination?.signal).toBe("SIGKILL");
		expect(isAlive(other.launched.pid)).toBe(true);
	});
});
