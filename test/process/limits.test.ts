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

describe.skipIf(WINDOWS)("a tree above its share of CPU", () => {
	const sample: TreeSample = {
		processCount: 1,
		threadCount: 1,
		cpuSeconds: 100,
		memoryBytes: 0,
		ioReadBytes: 0,
		ioWriteBytes: 0,
	};

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
