import { z } from "zod";
import { violation } from "../errors.ts";
import type { ProcessManager } from "../process/manager.ts";
import type { ManagedProcess } from "../process/process.ts";
import type { TerminationRequest } from "../process/terminator.ts";
import {
	requireApproval,
	terminationQuestion,
} from "../security/confirmation.ts";
import { withPlace } from "../security/place.ts";
import type { ToolContext } from "./tool.ts";

/** What a tool that ends something takes. */
export const endingFields = {
	force: z
		.boolean()
		.default(false)
		.describe("SIGKILL at once: the program gets no chance to clean up."),
	timeout: z
		.number()
		.min(0)
		.max(600_000)
		.default(5000)
		.describe("Milliseconds between SIGTERM and SIGKILL."),
};

export const terminationReason = z
	.enum(["graceful", "forced"])
	.describe("graceful: it ended by itself after SIGTERM. forced: SIGKILL.");

export const survivors = z
	.array(z.number().int())
	.describe("Pids that are still alive; empty when all is gone.");

/** How a tool has something ended, within what the policy allows. */
export function manner(
	{ manager }: Pick<ToolContext, "manager">,
	tool: string,
	force: boolean,
	timeout: number,
): TerminationRequest {
	return {
		cause: "terminated",
		message: `ended by ${tool}${force ? " with force" : ""}`,
		force,
		grace: timeout,
		mayKill: manager.config.allowForcedTermination,
	};
}

/**
 * Returns where the policy, and the user where it wants them asked, lets an agent
 * end a process; a refusal is recorded.
 *
 * @param process undefined where there is none to end yet
 * @param check what else has to hold
 * @throws ProcessError SECURITY_VIOLATION termination_not_allowed,
 *   CONFIRMATION_DECLINED or CONFIRMATION_UNAVAILABLE
 */
export async function allowedToEnd(
	process: ManagedProcess | undefined,
	force: boolean,
	{ manager, agent, ask }: ToolContext,
	check: () => void = () => {},
): Promise<void> {
	const { config } = manager;
	try {
		checkAllowed(manager, force);
		check();
		if (!config.requireTerminationConfirmation || !process) return;
		const { file, args } = process.identity;
		const shown = { pid: process.pid, file };
		await requireApproval(ask, terminationQuestion(shown, args, agent));
	} catch (error) {
		if (process) manager.journal.refused(process, "terminate", error);
		throw withPlace(error, manager.gate.policy);
	}
}

/**
 * @param ofGroup whether a whole group is to be ended, for which two settings stand
 * @throws ProcessError SECURITY_VIOLATION termination_not_allowed
 */
export function checkAllowed(
	{ config }: ProcessManager,
	force: boolean,
	ofGroup = false,
): void {
	const { allowProcessTermination, allowForcedTermination } = config;
	const key = !allowProcessTermination
		? "allowProcessTermination"
		: ofGroup && !config.allowGroupTermination
			? "allowGroupTermination"
			: force && !allowForcedTermination
				? "allowForcedTermination"
				: undefined;
	if (key === undefined) return;
	throw violation(
		"termination_not_allowed",
		`${key === "allowForcedTermination" ? "Forced termination" : "Termination"} is not allowed (${key})`,
		key === "allowForcedTermination"
			? "Terminate without force; or the user sets allowForcedTermination to true."
			: `${key === "allowGroupTermination" ? "End each member with process_terminate" : "Wait for the process to end"}; or the user sets ${key} to true.`,
		{ key },
	);
}
