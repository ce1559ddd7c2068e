import type { Limits } from "../security/resources.ts";
import { LimitJudge } from "./limits.ts";
import type { Monitor } from "./monitor.ts";
import type { ManagedProcess } from "./process.ts";
import type { Blame } from "./termination.ts";

/**
 * What the system may hold a tree to by itself: where CPU above the limit is to end
 * the tree, the system must not keep it below.
 */
export function limitsForSystem(limits: Limits, strict: boolean): Limits {
	return strict ? { ...limits, maxCpuPercent: undefined } : limits;
}

/**
 * Looks after a process, and holds it to its limits until nothing of its tree lives.
 *
 * @param onBreach ends the tree; called once
 */
export function holdToLimits(
	process: ManagedProcess,
	limits: Limits,
	strict: boolean,
	monitor: Monitor,
	onBreach: (breach: Blame) => void,
): void {
	const { maxFileDescriptors, ...sampled } = limits;
	if (maxFileDescriptors !== undefined)
		process.tree.limitDescriptors(maxFileDescriptors);
	const judge = new LimitJudge(process, sampled, strict, onBreach);
	const isHeld = Object.values(sampled).some((limit) => limit !== undefined);
	monitor.watch(process, isHeld ? (sample) => judge.judge(sample) : undefined);
}
