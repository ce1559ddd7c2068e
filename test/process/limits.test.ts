import { describe, expect, it } from "bun:test";
import { byServer } from "../../src/platform/enforced-by.ts";
import type { Signal, TreeSample } from "../../src/platform/platform.ts";
import { enforcedBy, LimitJudge } from "../../src/process/limits.ts";
import { LIMIT_NAMES } from "../../src/security/resources.ts";
import { platform, run } from "../support/managed.ts";

const WINDOWS = process.platform === "win32";

describe("what enforces a limit", () => {
	it.each([...LIMIT_NAMES])("is known of %s where it can be held", (name) => {
		const words = enforcedBy(name, platform, false);
		expect(words !== undefined).toBe(platform.enforceable.has(name));
	});

	it.skipIf(WINDOWS)("is said by the tree", async () => {
		await using running = await run("/bin/sleep", ["60"]);
		const { tree } = running.launched;
		for (const name of LIMIT_NAMES)
			expect(tree.enforcedBy(name)).toBe(platform.enforcedBy(name));
	});

	it("of CPU is the tree's end where enforcement is strict", () => {
		const by = { enforcedBy: byServer };
		expect(enforcedBy("maxCpuPercent", by, false)).toMatch(/pauses the tree/);
		expect(enforcedBy("maxCpuPercent", by, true)).toMatch(/ends the tree/);
		for (const name of LIMIT_NAMES.filter((each) => each !== "maxCpuPercent"))
			expect(enforcedBy(name, by, true)).toBe(byServer(name));
		const none = { enforcedBy: () => undefined };
		expect(enforcedBy("maxCpuPercent", none, true)).toBeUndefined();
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
		["is paused by the server", byServer, ["SIGSTOP"]],
		["is left to the system", () => "the kernel (it can)", []],
	])("%s where that holds it", async (_, by, expected) => {
		await using running = await run("/bin/sleep", ["60"]);
		const { process } = running;
		const sent: Signal[] = [];
		process.tree.enforcedBy = by;
		const { signal } = process.tree;
		process.tree.signal = (...signals) => void sent.push(...signals);
		const breaches: unknown[] = [];
		const judge = new LimitJudge(process, { maxCpuPercent: 10 }, false, (it) =>
			breaches.push(it),
		);
		expect(judge.judge(sample)).toBeGreaterThan(0);
		process.tree.signal = signal;
		expect(sent).toEqual([...expected] as Signal[]);
		expect(breaches).toEqual([]);
	});
});
