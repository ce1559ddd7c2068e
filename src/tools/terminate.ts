import { z } from "zod";
import { ProcessError } from "../errors.ts";
import type { ManagedProcess } from "../process/process.ts";
import {
	allowedToEnd,
	endingFields,
	manner,
	survivors,
	terminationReason,
} from "./ending.ts";
import { exitCode, pid } from "./fields.ts";
import { latestLine, whileTelling } from "./progress.ts";
import { defineTool } from "./tool.ts";

export const processTerminate = defineTool({
	name: "process_terminate",
	title: "End a process",
	description:
		"Ends a process and everything that it started: SIGTERM first, SIGKILL for what is left after timeout; with force, SIGKILL at once. Returns when all of it is gone, and names in survivors what could not be ended. Its output stays readable.",
	kind: "ends",
	input: z.strictObject({
		pid,
		...endingFields,
	}),
	elsewhere: { serviceId: "end a service with process_stop_service" },
	output: z.object({
		pid,
		exitCode,
		signal: z
			.string()
			.optional()
			.describe("The signal that ended it, if one did."),
		terminationReason,
		survivors,
	}),
	async run({ pid, force, timeout }, context) {
		const { manager, services } = context;
		const process = manager.get(pid);
		await allowedToEnd(process, force, context, () => {
			if (!process.lives) throw notRunning(process);
		});
		const how = manner(context, "process_terminate", force, timeout);
		// Who ends a service's process wants it ended, and not back.
		const service = services.of(process);
		const isCurrent = service?.process === process;
		const { reason, survivors } = await whileTelling(
			timeout,
			context,
			() => latestLine(process),
			async () =>
				(isCurrent ? await service.stop(how) : undefined) ??
				manager.terminate(process, how),
		);
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

function notRunning({ pid, termination }: ManagedProcess): ProcessError {
	return new ProcessError(
		"PROCESS_NOT_RUNNING",
		`Process ${pid} is not running: ${termination?.message ?? "it has ended"}`,
		"There is nothing left to end; process_get_output still gives its output.",
		{ pid, exitCode: termination?.exitCode },
	);
}
