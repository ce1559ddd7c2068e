import { diagnose, messageOf, ProcessError } from "../errors.ts";
import type { LaunchRequest } from "../security/attempt.ts";
import type { AuditLog } from "../security/audit.ts";
import type { AuditEvent } from "../security/audit-event.ts";
import type { Admitted } from "../security/gate.ts";
import type { ManagedProcess } from "./process.ts";
import type { TerminationOutcome } from "./terminator.ts";

export type Entry = Pick<AuditEvent, "level" | "operation" | "result"> &
	Partial<AuditEvent>;

/**
 * Writes what happens to processes into the audit log. A record that can't be
 * kept is complained of and stops the next launch, but never what already runs
 * from being looked after.
 */
export class Journal {
	constructor(private readonly audit: AuditLog) {}

	/** @throws ProcessError INTERNAL_ERROR where a record could not even be kept for later */
	requireRoom(): void {
		this.audit.requireRoom();
	}

	/** @param isDetail it is of no interest but to who wants every detail */
	started(process: ManagedProcess, isDetail = false): void {
		this.#write(process, {
			level: isDetail ? "debug" : "info",
			operation: "launch",
			result: "started",
		});
	}

	/** The system did not start what the gate had admitted. */
	failed(admitted: Admitted, error: unknown): void {
		const { executable, args, cwd, agent } = admitted;
		this.#record({
			level: "error",
			operation: "launch",
			executable: executable.real,
			args,
			cwd,
			agent,
			result: "failed",
			reason: messageOf(error),
		});
	}

	ended(process: ManagedProcess, isDetail = false): void {
		const { termination } = process;
		if (!termination) return;
		const level = process.state === "crashed" ? "warn" : "info";
		this.#write(process, {
			level: isDetail ? "debug" : level,
			operation: "exit",
			result: termination.cause,
			reason: termination.message,
		});
	}

	terminated(
		process: ManagedProcess,
		{ reason, survivors }: TerminationOutcome,
		why: string,
	): void {
		const survived = survivors.length > 0;
		this.#write(process, {
			level: survived ? "error" : "info",
			operation: "terminate",
			result: survived ? "survived" : reason,
			reason: survived ? `still alive: ${survivors.join(", ")}` : why,
		});
	}

	/** A limit was passed, and the tree is ended for it. */
	breached(process: ManagedProcess, cause: string, message: string): void {
		this.#write(process, {
			level: "warn",
			operation: "limit",
			result: cause,
			reason: message,
		});
	}

	/** Something about a service, of whose request no process may have come yet. */
	supervised(
		process: ManagedProcess | undefined,
		request: LaunchRequest,
		entry: Entry,
	): void {
		const { executable, args, cwd, agent } = request;
		if (process) this.#write(process, entry);
		else this.#record({ executable, args, cwd, agent, ...entry });
	}

	/** @param bytes what the process's pipe took; the content is never recorded */
	wrote(process: ManagedProcess, bytes: number, wanted: number): void {
		this.#write(process, {
			level: "info",
			operation: "stdin",
			result: bytes === wanted ? "written" : "partly written",
			bytes,
		});
	}

	/** A group was made, or the process was added to one. */
	grouped(
		group: {
			readonly id: string;
			readonly name: string;
			readonly pipeline: boolean;
		},
		agent: string,
		process?: ManagedProcess,
	): void {
		const entry = {
			level: "info",
			operation: "group",
			result: process ? "added" : "created",
			reason: `${group.pipeline ? "pipeline" : "group"} ${group.id} (${JSON.stringify(group.name)})`,
		} as const;
		if (process) this.#write(process, { ...entry, agent });
		else this.#record({ ...entry, agent });
	}

	/** What a pipeline's stage was fed by the stage before is at its end. */
	passed(
		to: ManagedProcess,
		from: ManagedProcess,
		joint: {
			readonly flow: string;
			readonly bytes: number | undefined;
			readonly reason: string | undefined;
		},
	): void {
		this.#write(to, {
			level: joint.flow === "refused" ? "warn" : "info",
			operation: "stdin",
			result: joint.flow,
			reason: `from process ${from.pid}${joint.reason === undefined ? "" : `: ${joint.reason}`}`,
			...(joint.bytes !== undefined && { bytes: joint.bytes }),
		});
	}

	/** The policy refused something about a process that runs or ran. */
	refused(
		process: ManagedProcess,
		operation: "terminate" | "stdin" | "output",
		error: unknown,
	): void {
		this.#write(process, { ...refusal(error), operation });
	}

	/** The policy refused something about a group. */
	refusedGroup(agent: string, error: unknown): void {
		this.#record({ ...refusal(error), operation: "group", agent });
	}

	/** The policy refused a launch before the gate saw it. */
	refusedLaunch(request: LaunchRequest, error: unknown): void {
		const { executable, args, cwd, agent } = request;
		this.#record({
			...refusal(error),
			operation: "launch",
			executable,
			args,
			cwd,
			agent,
		});
	}

	#write(process: ManagedProcess, entry: Entry): void {
		const { file, args, cwd, agent } = process.identity;
		const { pid } = process;
		this.#record({ executable: file, args, cwd, agent, pid, ...entry });
	}

	#record(event: AuditEvent): void {
		try {
			this.audit.record(event);
		} catch (error) {
			diagnose(messageOf(error));
		}
	}
}

function refusal(error: unknown) {
	const code =
		error instanceof ProcessError
			? String(error.details?.violation ?? error.code)
			: "error";
	return {
		level: "warn",
		result: "refused",
		reason: `${code}: ${messageOf(error)}`,
	} as const;
}
