import { describe, expect, it } from "bun:test";
import type { Signal, TreeSample } from "../../src/platform/platform.ts";
import { LimitJudge } from "../../src/process/limits.ts";
import { LIMIT_NAMES } from "../../src/security/resources.ts";
import { platform, run } from "../support/managed.ts";

const WINDOWS = process.platform === "win32";

describe.skipIf(WINDOWS)("what enforces a limit", () => {
	it("is said by the tree of each that it can be held to", async () => {
		await using running = await run("/bin/sleep", ["60"]);
		const { tree } = running.launched;
		for (const name of LIMIT_NAMES) {
			const isHeld = tree.enforcedBy(name) !== undefined;
			expect(isHeld, name).toBe(platform.enforceable.has(name));
		}
	});
});

const sample: TreeSample = {
	processCount: 1,
	threadCount: 1,
	cpuSeconds: 100,
	memoryBytes: 0,
	ioReadBytes: 0,
	ioWriteBytes: 0,
};

describe.skipIf(WINDOWS)("a tree a little above a limit", () => {
	it.each([
		[{ maxMemoryMB: 300 }, "Memory limit exceeded: 300.1 MB > 300 MB"],
		[{ maxCpuTime: 2 }, "CPU time limit exceeded: 2.1 s > 2 s"],
	])("of %j is said to be above it", async (limits, message) => {
		await using running = await run("/bin/sleep", ["60"]);
		const { process } = running;
		process.tree.proportionalMemory = () => [300.01 * 2 ** 20];
		const messages: string[] = [];
		const judge = new LimitJudge(process, limits, false, (breach) =>
			messages.push(breach.message),
		);
		await judge.judge({
			...sample,
			cpuSeconds: 2.01,
			memoryBytes: 300.01 * 2 ** 20,
		});
		expect(messages).toEqual([message]);
	});
});

describe.skipIf(WINDOWS)("a tree above its share of CPU", () => {
	it.each([
		[false, "is paused by the server"],
		[true, "is left to the system where that throttles it"],
	])("throttled by the system: %p, %s", async (isThrottled) => {
		await using running = await run("/bin/sleep", ["60"]);
		const { process } = running;
		const sent: Signal[] = [];
		const { signal } = process.tree;
		Object.defineProperty(process.tree, "isThrottled", { value: isThrottled });
		process.tree.signal = (...signals) => void sent.push(...signals);
		const breaches: unknown[] = [];
		const judge = new LimitJudge(process, { maxCpuPercent: 10 }, false, (it) =>
			breaches.push(it),
		);
		expect(judge.judge(sample)).toBeGreaterThan(0);
		process.tree.signal = signal;
		expect(sent).toEqual(isThrottled ? [] : ["SIGSTOP"]);
		expect(breaches).toEqual([]);
	});
});
