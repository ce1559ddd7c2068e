import { describe, expect, it } from "bun:test";
import { cpuRate } from "../../src/platform/job.ts";
import {
	mostProcesses,
	processCount,
} from "../../src/platform/windows-tree.ts";

describe("the rate of a Job Object", () => {
	it.each([
		[100, 1, 10_000],
		[100, 4, 2500],
		[50, 8, 625],
		[150, 2, 7500],
		// Never more than was asked for.
		[100, 3, 3333],
		[1, 64, 1],
		// More than there is.
		[400, 2, 10_000],
	])("of %d %% on %d processors is %d", (percent, processors, rate) => {
		expect(cpuRate(percent, processors)).toBe(rate);
	});

	it("is none where the least would be too much", () => {
		expect(cpuRate(0.5, 64)).toBeUndefined();
	});
});

describe("the processes that the system lets a tree have", () => {
	it.each([1, 5, 1000])("leave room above a limit of %d", (limit) => {
		// Each member may have a console of its own, which is a process.
		expect(mostProcesses(limit)).toBeGreaterThan(2 * limit + 1);
	});

	it("are never fewer because there are so many", () => {
		for (const limit of [2 ** 30, 2 ** 32, Number.MAX_SAFE_INTEGER])
			expect(mostProcesses(limit)).toBe(2 ** 32 - 1);
	});
});

describe("the processes of a tree", () => {
	const count = (...names: string[]) =>
		processCount(names.map((name) => ({ name })));

	it("are counted without the consoles that the system made", () => {
		expect(count("a.exe", "conhost.exe", "b.exe")).toBe(2);
		expect(count("a.exe", "ConHost.exe")).toBe(1);
	});

	it("don't hide behind a console's name", () => {
		expect(count("a.exe", ...Array(50).fill("conhost.exe"))).toBe(50);
	});
});
