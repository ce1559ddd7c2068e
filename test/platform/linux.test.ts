import { describe, expect, it } from "bun:test";
import { closeSync, fstatSync, readFileSync, writeSync } from "node:fs";
import { systemCode } from "../../src/errors.ts";
import { launch } from "../../src/process/launcher.ts";
import { admit } from "../support/gate.ts";
import { killQuietly, platform, python, run, sh } from "../support/managed.ts";
import { eventually, isAlive, Scratch } from "../support/server.ts";

const LINUX = process.platform === "linux";

const sorted = (pids: readonly number[]) => [...pids].sort((a, b) => a - b);

describe.skipIf(!LINUX)("pipes", () => {
	it("join their ends", async () => {
		const ends = platform.pipes?.open();
		if (!ends) throw new Error("no pipes");
		writeSync(ends.write, "through");
		closeSync(ends.write);
		expect(readFileSync(ends.read, "utf8")).toBe("through");
		closeSync(ends.read);
		expect(() => fstatSync(ends.read)).toThrow();
	});

	it("tell whether anybody has the other end, also when they are full", () => {
		const ends = platform.pipes?.open();
		if (!ends) throw new Error("no pipes");
		const hasReader = () => platform.pipes?.hasReader?.(ends.write);
		platform.pipes?.setNonBlocking(ends.write);
		expect(hasReader()).toBe(true);
		expect(() => {
			for (;;) writeSync(ends.write, Buffer.alloc(65_536));
		}).toThrow("EAGAIN");
		expect(hasReader()).toBe(true);
		closeSync(ends.read);
		expect(hasReader()).toBe(false);
		closeSync(ends.write);
		expect(hasReader()).toBe(false);
	});

	it("have a reader also when a signal interrupts the question", async () => {
		const ends = platform.pipes?.open();
		if (!ends) throw new Error("no pipes");
		const ignore = () => {};
		process.on("SIGUSR2", ignore);
		const flood = Bun.spawn([
			"python3",
			"-c",
			"import os, signal\nprint(flush=True)\nwhile True: os.kill(os.getppid(), signal.SIGUSR2)",
		]);
		try {
			await flood.stdout.getReader().read();
			const until = performance.now() + 300;
			let [asked, lost] = [0, 0];
			for (; performance.now() < until; asked++)
				if (!platform.pipes?.hasReader?.(ends.write)) lost++;
			expect(asked).toBeGreaterThan(1000);
			expect(lost).toBe(0);
		} finally {
			flood.kill("SIGKILL");
			await flood.exited;
			process.off("SIGUSR2", ignore);
			closeSync(ends.read);
			closeSync(ends.write);
		}
	});

	it("fail with EAGAIN once non-blocking and full", async () => {
		const ends = platform.pipes?.open();
		if (!ends) throw new Error("no pipes");
		try {
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
		} finally {
			closeSync(ends.read);
			closeSync(ends.write);
		}
	});
});

describe.skipIf(!LINUX)("hasCapabilities", () => {
	it("is false for a plain file, a missing one, and a name with spaces", () => {
		using scratch = new Scratch();
		expect(platform.hasCapabilities(scratch.write("plain file", ""))).toBe(
			false,
		);
		expect(platform.hasCapabilities(`${scratch.path}/missing`)).toBe(false);
	});
});

describe.skipIf(!LINUX)("a tree", () => {
	it("is its leader alone at first, and nobody at last", async () => {
		await using running = await run("/bin/sleep", ["60"]);
		const { pid, tree } = running.launched;
		expect(tree.alive()).toEqual([pid]);
		tree.signal("SIGKILL");
		await running.process.ended;
		expect(tree.alive()).toEqual([]);
		expect(await tree.sample()).toBeUndefined();
		expect(tree.listeningPorts()).toEqual([]);
	});

	it("takes signals after its end, and passes them to nobody", async () => {
		await using running = await sh("exit 0");
		await running.process.ended;
		for (const signal of ["SIGTERM", "SIGCONT", "SIGKILL"] as const)
			expect(() => running.launched.tree.signal(signal)).not.toThrow();
	});

	it("does not count a zombie for alive", async () => {
		await using running = await sh(
			"sh -c 'exit 0' & echo child $!; exec sleep 60",
		);
		const { pid, tree } = running.launched;
		const child = Number((await running.says(/child (\d+)/))[1]);
		await eventually(
			() => (isAlive(child) ? undefined : true),
			"the child to be a zombie",
		);
		expect(tree.alive()).toEqual([pid]);
	});

	it("counts a process whose first thread ended before the others", async () => {
		// exit(2) itself, which unlike the C library's function ends one thread only.
		const exit = process.arch === "arm64" ? 93 : 60;
		await using running = await python(`
import ctypes, threading, time
def go_on():
    time.sleep(0.05)
    print("alone", flush=True)
    time.sleep(60)
threading.Thread(target=go_on).start()
ctypes.CDLL(None).syscall(${exit}, 0)`);
		await running.says(/alone/);
		const { pid, tree } = running.launched;
		expect(tree.alive()).toEqual([pid]);
		tree.signal("SIGTERM");
		await running.process.ended;
		expect(tree.alive()).toEqual([]);
	});

	it("has children, grandchildren and those in sessions of their own", async () => {
		await using running = await python(`
import os, time
if os.fork() == 0:
    if os.fork() == 0:
        os.setsid()
        time.sleep(0.05)
        print("ready", flush=True)
time.sleep(60)`);
		await running.says(/ready/);
		const { tree, pid } = running.launched;
		const alive = tree.alive();
		expect(alive).toHaveLength(3);
		expect(alive).toContain(pid);
	});

	it("keeps those that it has seen when their parents are gone", async () => {
		await using running = await python(`
import os, sys, time
if os.fork() == 0:
    if os.fork() == 0:
        os.setsid()
        print(os.getpid(), flush=True)
        time.sleep(60)
    time.sleep(60)
time.sleep(60)`);
		const [, orphan] = await running.says(/(\d+)\n/);
		const { tree, pid } = running.launched;
		expect(tree.alive()).toHaveLength(3);
		for (const member of [pid, ...tree.alive()])
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
		await using running = await sh("sleep 60 & sleep 60 & echo $!; exit 0");
		const [, last] = await running.says(/(\d+)\n/);
		await running.launched.exited;
		const alive = running.launched.tree.alive();
		expect(alive).toHaveLength(2);
		expect(alive).toContain(Number(last));
	});

	it("does not have its neighbours, nor this process", async () => {
		await using one = await sh("sleep 60 & echo ready; wait");
		await using other = await sh("sleep 60 & echo ready; wait");
		await Promise.all([one.says(/ready/), other.says(/ready/)]);
		const [mine, others] = [one, other].map(({ launched }) =>
			launched.tree.alive(),
		);
		expect(mine).toHaveLength(2);
		expect(others).toHaveLength(2);
		expect(mine?.filter((pid) => others?.includes(pid))).toEqual([]);
		expect([...(mine ?? []), ...(others ?? [])]).not.toContain(process.pid);
		one.launched.tree.signal("SIGKILL");
		await one.process.ended;
		expect(other.launched.tree.alive()).toHaveLength(2);
	});

	it("of a pid that never was has nobody, and signals nobody", async () => {
		// Pids are at most 2^22 (proc_sys_kernel(5)).
		const tree = platform.enclose({}).track(2 ** 22 + 1, "ignore");
		expect(tree.alive()).toEqual([]);
		expect(() => tree.signal("SIGKILL")).not.toThrow();
		expect(await tree.sample()).toBeUndefined();
	});

	it("stops and goes on as one", async () => {
		await using running = await sh("sleep 60 & echo ready; wait");
		await running.says(/ready/);
		const { tree } = running.launched;
		const states = async () => {
			const { readStat } = await import("../../src/platform/procfs.ts");
			return sorted(tree.alive()).map((pid) => readStat(pid)?.state);
		};
		tree.signal("SIGSTOP");
		await eventually(
			async () =>
				(await states()).every((state) => state === "T") ? true : undefined,
			"both to stop",
		);
		tree.signal("SIGCONT");
		await eventually(
			async () =>
				(await states()).every((state) => state === "S") ? true : undefined,
			"both to go on",
		);
		expect(tree.alive()).toHaveLength(2);
	});

	it("lists the ports of all its members", async () => {
		await using running = await python(`
import os, socket, time
def listen():
    s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(); return s
a = listen()
if os.fork() == 0:
    b = listen()
    print(a.getsockname()[1], b.getsockname()[1], flush=True)
    time.sleep(60)
time.sleep(60)`);
		const [, a, b] = await running.says(/(\d+) (\d+)\n/);
		expect(running.launched.tree.listeningPorts()).toEqual(
			sorted([Number(a), Number(b)]),
		);
	});

	it("can be followed a hundred times over", async () => {
		const admitted = await admit("/bin/true");
		for (let count = 0; count < 100; count++) {
			const launched = launch(
				admitted,
				{ capture: false, input: false },
				platform,
			);
			expect((await launched.exited).exitCode).toBe(0);
			expect(launched.tree.alive()).toEqual([]);
		}
	});
});
