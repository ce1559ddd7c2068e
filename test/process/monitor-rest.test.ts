import { describe, expect, it } from "bun:test";
import { Monitor } from "../../src/process/monitor.ts";
import { RecordedTree, sampleOf } from "../support/recorded-tree.ts";
import { spend } from "../support/spend.ts";
import { looksAt, watch } from "../support/watched.ts";

describe("Monitor", () => {
	it.each([
		["that nobody judges", undefined, 10],
		["that a judge wants to see at once", () => 1, 3],
	])("rests after a dear look at a tree %s", async (_, judge, rest) => {
		const DEAR = 30;
		const tree = new RecordedTree(() => {
			spend(DEAR);
			return sampleOf();
		});
		const watched = watch(new Monitor(), tree, judge);
		await looksAt(tree, 5);
		const pauses = tree.looks
			.slice(1)
			.map((at, index) => at - (tree.looks[index] ?? 0));
		// From beginning to beginning, and put off by a grain or less.
		expect(Math.min(...pauses)).toBeGreaterThan(DEAR * (rest + 1) - 60);
		await watched.end();
	});

	it("waits for no judge that takes its time, and looks again once it has judged", async () => {
		const monitor = new Monitor();
		const verdict = Promise.withResolvers<number>();
		const slow = watch(monitor, new RecordedTree(), () => verdict.promise);
		const other = watch(monitor);
		await looksAt(other.tree, 3);
		expect(slow.tree.looks).toHaveLength(1);
		verdict.resolve(20);
		await looksAt(slow.tree, 2);
		await Promise.all([slow.end(), other.end()]);
	});
});
