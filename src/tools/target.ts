import { z } from "zod";
import { ProcessError } from "../errors.ts";
import type { ManagedProcess } from "../process/process.ts";
import { pid } from "./fields.ts";
import type { ToolContext } from "./tool.ts";

export const serviceId = z
	.string()
	.min(1)
	.max(100)
	.describe("Name of a service, as process_start_service took it.");

/** The input fields of a tool that reads, feeds or waits for one process; `processOf` finds it. */
export const target = {
	pid: pid
		.optional()
		.describe("Process id, as process_start gave it. This or serviceId."),
	serviceId: serviceId
		.optional()
		.describe(
			"Name of a service, for its current (or latest) process, in place of pid.",
		),
};

export interface Target {
	readonly pid?: number | undefined;
	readonly serviceId?: string | undefined;
}

/**
 * The process that a call means.
 *
 * @throws ProcessError INVALID_ARGUMENT unless exactly one of pid and serviceId
 *   is given; PROCESS_NOT_FOUND, SERVICE_NOT_FOUND
 */
export function processOf(
	{ pid, serviceId }: Target,
	{ manager, services }: Pick<ToolContext, "manager" | "services">,
): ManagedProcess {
	if (pid !== undefined && serviceId === undefined) return manager.get(pid);
	if (pid !== undefined || serviceId === undefined) {
		const given = pid === undefined ? "neither is given" : "both are given";
		throw new ProcessError(
			"INVALID_ARGUMENT",
			`pid, serviceId: exactly one of them is needed, ${given}`,
			"Give pid for a process, or serviceId for the current process of a service.",
			{ field: "pid" },
		);
	}
	const service = services.get(serviceId);
	if (service.process) return service.process;
	throw new ProcessError(
		"PROCESS_NOT_FOUND",
		`Service ${serviceId} has no process yet (${service.state})`,
		"Try again once it has started; process_list shows its state.",
		{ serviceId, state: service.state },
	);
}
