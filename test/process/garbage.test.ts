import { heapStats } from "bun:jsc";
import { describe, expect, it } from "bun:test";
import { collectAfterStarts } from "../../src/process/garbage.ts";

describe("what starts leave behind", () => {
	it("is collected though nobody asks for it", () => {
		const count = () => heapStats().objectTypeCounts.URLSearchParams ?? 0;
		const COUNT = 500;
		for (let index = 0; index < COUNT; index++) new URLSearchParams("a=1");
		const before = count();
		for (let start = 0; start < 100; start++) collectAfterStarts();
		expect(before).toBeGreaterThanOrEqual(COUNT);
		expect(count()).toBeLessThan(COUNT / 2);
	});
});
