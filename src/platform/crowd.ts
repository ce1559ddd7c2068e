import type { Cgroup } from "./cgroup.ts";
import type { LimitGroup } from "./cgroup-limits.ts";
import type { TreeSample, TreeTotals } from "./platform.ts";

interface Bonds {
	readonly cgroup: Cgroup | undefined;
	readonly limits: LimitGroup | undefined;
}

/**
 * What is seen of a tree of more processes than it may have, which is to be ended:
 * they are counted in one read and grow no more, as a fork bomb is faster than who
 * looks at one after the other. Undefined of any other tree.
 *
 * @param last what was seen before
 */
export function crowdIn(
	{ cgroup, limits }: Partial<Bonds> = {},
	last: TreeSample | undefined,
	totals: () => TreeTotals,
): TreeSample | undefined {
	if (!cgroup || limits?.maxProcesses === undefined) return undefined;
	const processCount = cgroup.members().length;
	if (processCount <= limits.maxProcesses) return undefined;
	limits.forbidForks();
	return {
		threadCount: processCount,
		memoryBytes: 0,
		peakMemoryBytes: 0,
		...last,
		...totals(),
		processCount,
	};
}
