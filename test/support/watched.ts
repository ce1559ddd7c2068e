import type { Judge, Monitor } from "../../src/process/monitor.ts";
import { RecordedProcess, RecordedTree } from "./recorded-tree.ts";
import { eventually } from "./server.ts";

/** A watched tree, and how to end it. */
export function watch(
	monitor: Monitor,
	tree = new RecordedTree(),
	judge?: Judge,
): RecordedProcess & { readonly since: number } {
	const recorded = new RecordedProcess(tree);
	const since = performance.now();
	monitor.watch(recorded.process, judge);
	return Object.assign(recorded, { since });
}

export function looksAt(tree: RecordedTree, count: number): Promise<true> {
	return eventually(
		() => (tree.looks.length >= count ? true : undefined),
		() => `${count} looks, not ${tree.looks.length}`,
	);
}
