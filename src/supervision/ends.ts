import { ProcessError } from "../errors.ts";
import type { Termination } from "../process/termination.ts";
import type { TerminationRequest } from "../process/terminator.ts";
import type { ServiceEvent, ServiceState } from "./restart.ts";
import type { Failure, Instance, PastRun } from "./surroundings.ts";

/** Grace of what a service ends by itself, in milliseconds, as of the server's other terminations. */
const GRACE = 2000;

/** How a service ends a tree that no agent asked it to end. */
export function byItself(
	message: string,
	cause: "terminated" | "shutdown" = "terminated",
): TerminationRequest {
	return { cause, message, force: false, grace: GRACE, mayKill: true };
}

/** What the end of a service's process is to the service. */
export function eventOf({ cause, exitCode }: Termination): ServiceEvent {
	if (cause === "terminated" || cause === "shutdown") return "terminated";
	return cause === "exited" && exitCode === 0 ? "finished" : "crashed";
}

/** Why a service's process ended: of an illness the service knows more than the system does of the end. */
export function reasonOf(
	state: ServiceState,
	failure: Failure | undefined,
	{ message }: Termination,
): string {
	const illness = state === "recovering" ? failure?.reason : undefined;
	return illness ?? message;
}

export function beingStopped(name: string): ProcessError {
	return new ProcessError(
		"PROCESS_NOT_RUNNING",
		`Service ${name} is being stopped`,
		"Start it again once process_list shows it as stopped.",
		{ serviceId: name },
	);
}

/** Runs that are remembered. */
const MOST_RUNS = 10;

/** Adds a run that has ended, and forgets the oldest one past those that are kept. */
export function remember(
	past: PastRun[],
	run: number,
	{ pid, startedAt }: Instance,
	termination: Termination,
	reason: string,
): void {
	past.push({ run, pid, startedAt, termination, reason });
	if (past.length > MOST_RUNS) past.shift();
}
