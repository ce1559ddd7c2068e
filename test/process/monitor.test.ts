import { describe, expect, it } from "bun:test";
import { Monitor } from "../../src/process/monitor.ts";
import { python, run, sh } from "../support/managed.ts";
import { eventually } from "../support/server.ts";

const LINUX = process.platform === "linux";

describe.skipIf(!LINUX)("usage", () => {
	it("of one quiet process", async () => {
		await using running = await run("/bin/sleep", ["60"]);
		const monitor = new Monitor();
		// The kernel tells of a new process's memory a little late, and for a moment
		// of the memory of the one that started it.
		const usage = await eventually(async () => {
			const seen = await monitor.usage(running.process);
			return seen.memoryMB > 0.1 && seen.memoryMB < 50 ? seen : undefined;
		}, "its memory to be counted");
		expect(usage).toMatchObject({ processCount: 1, threadCount: 1 });
		expect(usage.peakMemoryMB).toBeLessThan(50);
		expect(usage.peakMemoryMB).toBeGreaterThanOrEqual(usage.memoryMB);
		expect(usage.cpuSeconds).toBeLessThan(1);
	});

	it("of a tree is that of all its members", async () => {
		await using running = await python(`
import os, threading, time
block = bytearray(os.urandom(1)) * (60 * 2**20)
if os.fork() == 0:
    block[:] = b"x" * len(block)
    for _ in range(3): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    print("ready", flush=True)
time.sleep(60)`);
		await running.says(/ready/);
		const usage = await new Monitor().usage(running.process);
		expect(usage).toMatchObject({ processCount: 2, threadCount: 5 });
		expect(usage.memoryMB).toBeGreaterThan(120);
		expect(usage.memoryMB).toBeLessThan(1200);
	});

	it("counts 100 percent for one busy core", async () => {
		await using running = await python("while True: pass");
		const monitor = new Monitor();
		await monitor.usage(running.process);
		const { cpuPercent } = await eventually(async () => {
			const usage = await monitor.usage(running.process);
			return running.process.uptime > 2000 ? usage : undefined;
		}, "two seconds of work");
		expect(cpuPercent).toBeGreaterThan(10);
		expect(cpuPercent).toBeLessThan(150);
	});

	it("of a sleeping process is next to no CPU", async () => {
		await using running = await run("/bin/sleep", ["60"]);
		const monitor = new Monitor();
		await monitor.usage(running.process);
		const { cpuPercent } = await eventually(async () => {
			const usage = await monitor.usage(running.process);
			return running.process.uptime > 600 ? usage : undefined;
		}, "half a second");
		expect(cpuPercent).toBeLessThan(10);
	});

	it("sums CPU seconds that children used and left", async () => {
		await using running = await python(`
import os, time
if os.fork() == 0:
    end = time.process_time() + 0.3
    while time.process_time() < end: pass
    os._exit(0)
os.wait()
print("ready", flush=True)
time.sleep(60)`);
		await running.says(/ready/);
		const { cpuSeconds } = await new Monitor().usage(running.process);
		expect(cpuSeconds).toBeGreaterThanOrEqual(0.29);
		expect(cpuSeconds).toBeLessThan(3);
	});

	it("counts bytes read and written", async () => {
		await using writer = await python(`
import time
with open("/dev/null", "wb", buffering=0) as sink: sink.write(bytes(2_000_000))
print("ready", flush=True)
time.sleep(60)`);
		await writer.says(/ready/);
		const { ioWrite, ioRead } = await new Monitor().usage(writer.process);
		expect(ioWrite).toBeGreaterThan(2_000_000);
		expect(ioWrite).toBeLessThan(4_000_000);
		expect(ioRead).toBeGreaterThan(0);
	});

	it("remembers the peak when the tree has shrunk", async () => {
		await using running = await python(
			`
import os, sys, time
pid = os.fork()
if pid == 0:
    block = bytearray(80 * 2**20)
    for page in range(0, len(block), 4096): block[page] = 1
    print("ready", flush=True)
    time.sleep(60)
sys.stdin.readline()
os.kill(pid, 9)
os.wait()
print("shrunk", flush=True)
time.sleep(60)`,
			{ input: true },
		);
		await running.says(/ready/);
		const monitor = new Monitor();
		const { memoryMB: high } = await monitor.usage(running.process);
		await running.process.stdin?.write(new TextEncoder().encode("go\n"), 5000);
		await running.says(/shrunk/);
		const usage = await monitor.usage(running.process);
		expect(usage.memoryMB).toBeLessThan(high - 40);
		expect(usage.peakMemoryMB).toBeGreaterThanOrEqual(high);
		expect(usage.peakMemoryMB).toBeLessThan(high + 40);
	});

	it("of an ended process is its totals", async () => {
		// More than this process has, as the kernel's figure begins with that.
		const megabytes = Math.ceil(process.resourceUsage().maxRSS / 1024) + 100;
		await using running = await python(
			`block = bytearray(b"x") * (${megabytes} * 2**20); sum(range(10**7))`,
		);
		await running.process.ended;
		const usage = await new Monitor().usage(running.process);
		expect(usage).toMatchObject({
			cpuPercent: 0,
			memoryMB: 0,
			processCount: 0,
			threadCount: 0,
		});
		expect(usage.cpuSeconds).toBeGreaterThan(0.01);
		expect(usage.peakMemoryMB).toBeGreaterThan(megabytes);
		expect(usage.peakMemoryMB).toBeLessThan(megabytes + 100);
	});

	it("of an ended process does not give this server's memory for its own", async () => {
		await using running = await run("/bin/true");
		await running.process.ended;
		const usage = await new Monitor().usage(running.process);
		expect(usage.peakMemoryMB).toBeUndefined();
	});

	it("of what an ended leader left behind is that of the living", async () => {
		await using running = await sh("sleep 60 & exit 0");
		await running.process.ended;
		const usage = await new Monitor().usage(running.process);
		expect(usage.processCount).toBe(1);
		expect(usage.memoryMB).toBeGreaterThan(0.1);
	});
});
