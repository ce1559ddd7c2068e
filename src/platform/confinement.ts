import { ENFORCED_BY_SERVER, type LimitName } from "../security/resources.ts";
import type { LimitGroup } from "./cgroup-limits.ts";
import type { OomWatch } from "./oom.ts";
import type { TreeSample, TreeTotals } from "./platform.ts";

/** What holds a tree to its limits where no control group does. */
const ENFORCED_BY: Readonly<Record<LimitName, string>> = {
	...ENFORCED_BY_SERVER,
	maxFileDescriptors: "the kernel (RLIMIT_NOFILE)",
};

/** How the kernel can hold a tree. */
export interface Bounds {
	/** Where it holds the tree to its limits; undefined where it has none. */
	readonly limits: LimitGroup | undefined;
	/** Makes a group that gives what is in it one share of the processors, where each session has its own. */
	readonly share: () => LimitGroup;
	/** Puts all that is in the tree's control group into another one; what they start later is in it, too. Returns whether it did. */
	readonly joinAll: (group: LimitGroup) => boolean;
	readonly oom: OomWatch;
}

/** How the kernel holds a tree. */
export class Confinement {
	#share: LimitGroup | undefined;
	#isShared = false;

	constructor(private readonly bounds: Bounds | undefined) {}

	enforcedBy(name: LimitName): string | undefined {
		return this.bounds?.limits?.held.get(name) ?? ENFORCED_BY[name];
	}

	get isThrottled(): boolean {
		return this.bounds?.limits?.held.has("maxCpuPercent") ?? false;
	}

	wasOutOfMemory(): "limit" | "system" | undefined {
		if (this.bounds?.limits?.wasOutOfMemory()) return "limit";
		return this.bounds?.oom.hasHappened ? "system" : undefined;
	}

	/** Has a tree of very many processes leave the others their part of the processors. */
	shareOut(): void {
		if (this.#isShared || !this.bounds || this.bounds.limits) return;
		this.#share ??= this.bounds.share();
		this.#isShared = this.bounds.joinAll(this.#share);
	}

	/**
	 * What is seen of a tree of more processes than it may have, which is to be ended:
	 * they are counted in one read, as a fork bomb is faster than who looks at one
	 * after the other. Undefined of any other tree.
	 *
	 * @param processCount of those in its control group
	 * @param last what was seen before
	 */
	crowd(
		processCount: number,
		last: TreeSample | undefined,
		totals: () => TreeTotals,
	): TreeSample | undefined {
		const most = this.bounds?.limits?.maxProcesses ?? Number.POSITIVE_INFINITY;
		if (processCount <= most) return undefined;
		return {
			threadCount: processCount,
			memoryBytes: 0,
			peakMemoryBytes: 0,
			...last,
			...totals(),
			processCount,
		};
	}

	forbidForks(): void {
		this.bounds?.limits?.forbidForks();
	}

	/** To be called once all have ended. */
	remove(): void {
		this.bounds?.limits?.remove();
		this.#share?.remove();
	}
}
