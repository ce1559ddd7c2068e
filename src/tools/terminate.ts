import { z } from "zod";
import { ProcessError, violation } from "../errors.ts";
import type { ProcessManager } from "../process/manager.ts";
import type { ManagedProcess } from "../process/process.ts";
import {
	type Ask,
	requireApproval,
	terminationQuestion,
} from "../security/confirmation.ts";
import { withPlace } from "../security/place.ts";
import { exitCode, force, grace, pid } from "./fields.ts";
import { defineTool } from "./tool.ts";

export const processTerminate = defineTool({
	name: "process_terminate",
	title: "End a process",
	description:
		"Ends a process and everything that it started: SIGTERM first, SIGKILL for what is left after timeout; with force, SIGKILL at once. Returns when all of it is gone, and names in survivors what could not be ended. Its output stays readable.",
	kind: "ends",
	input: z.strictObject({
		pid,
		force,
		timeout: grace,
	}),
	output: z.object({
		pid,
		exitCode,
		signal: z
			.string()
			.optional()
			.describe("The signal that ended it, if one did."),
		terminationReason: z
			.enum(["graceful", "forced"])
			.describe("graceful: it ended by itself after SIGTERM. forced: SIGKILL."),
		survivors: z
			.array(z.number().int())
			.describe("Pids that are still alive; empty when all is gone."),
	}),
	async run({ pid, force, timeout }, { manager, agent, ask }) {
		const process = manager.get(pid);
		const { allowForcedTermination } = manager.config;
		try {
			checkAllowed(manager, force);
			if (process.state !== "running" && process.tree.alive().length === 0)
				throw notRunning(process);
			await confirm(process, manager, agent, ask);
		} catch (error) {
			manager.journal.refused(process, "terminate", error);
			throw withPlace(error, manager.gate.policy);
		}
		const { reason, survivors } = await manager.terminate(process, {
			cause: "terminated",
			message: force
				? "ended by process_terminate with force"
				: "ended by process_terminate",
			force,
			grace: timeout,
			mayKill: allowForcedTermination,
		});
		const { termination } = process;
		if (!termination) {
			throw new ProcessError(
				"TERMINATION_FAILED",
				`Process ${pid} is still alive after SIGKILL`,
				"It hangs in the system (a dead disk or network mount, for example); it ends when that is resolved.",
				{ pid, survivors },
			);
		}
		return {
			pid,
			exitCode: termination.exitCode,
			...(termination.signal !== null && { signal: termination.signal }),
			terminationReason: reason,
			survivors: [...survivors],
		};
	},
});

/** @throws ProcessError CONFIRMATION_DECLINED or CONFIRMATION_UNAVAILABLE */
async function confirm(
	process: ManagedProcess,
	{ config }: ProcessManager,
	agent: string,
	ask: Ask | undefined,
): Promise<void> {
	if (!config.requireTerminationConfirmation) return;
	const { file, args } = process.identity;
	const question = terminationQuestion({ pid: process.pid, file }, args, agent);
	await requireApproval(ask, question);
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
			: `Wait for the process to end; or the user sets ${key} to true.`,
		{ key },
	);
}

function notRunning({ pid, termination }: ManagedProcess): ProcessError {
	return new ProcessError(
		"PROCESS_NOT_RUNNING",
		`Process ${pid} is not running: ${termination?.message ?? "it has ended"}`,
		"There is nothing left to end; process_get_output still gives its output.",
		{ pid, exitCode: termination?.exitCode },
	);
}
