import type { ConfigInput } from "../../src/config/schema.ts";
import { ProcessManager } from "../../src/process/manager.ts";
import type { ManagedProcess } from "../../src/process/process.ts";
import type { StartRequest } from "../../src/process/start-request.ts";
import type { AuditLog } from "../../src/security/audit.ts";
import type { AuditEvent } from "../../src/security/audit-event.ts";
import { logTo } from "./audit.ts";
import { makeParts } from "./gate.ts";

/** A manager with the real gate, whose processes end with the test. */
export class Table implements AsyncDisposable {
	readonly events: AuditEvent[] = [];
	/** Set to make the audit log fail. */
	broken = false;

	private constructor(readonly manager: ProcessManager) {}

	/** @param audit in place of `events` */
	static async open(
		config: ConfigInput = {},
		audit?: AuditLog,
	): Promise<Table> {
		const log = logTo((event) => {
			if (table.broken) throw new Error("the disk is full");
			table.events.push(event);
		});
		const parts = await makeParts(config, audit ?? log);
		const table = new Table(
			new ProcessManager(parts.config, parts.gate, parts.platform, parts.audit),
		);
		return table;
	}

	async start(
		executable: string,
		args: readonly string[] = [],
		more: Partial<StartRequest> = {},
	): Promise<ManagedProcess> {
		const request = { executable, args, agent: "test", ...more };
		return (await this.manager.start(request)).process;
	}

	sleeper(more: Partial<StartRequest> = {}): Promise<ManagedProcess> {
		return this.start("/bin/sleep", ["60"], more);
	}

	/** What happened to a process, in order. */
	resultsOf(pid: number): string[] {
		return this.events
			.filter((event) => event.pid === pid)
			.map(({ operation, result }) => `${operation}: ${result}`);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.manager.stopAll();
	}
}

/** What a process has written to standard output so far. */
export function textOf(process: ManagedProcess): string {
	const { stdout } = process;
	return new TextDecoder().decode(stdout.read(0, stdout.size).bytes);
}

/** What a promise rejects with; undefined where it does not. */
export function caught(promise: Promise<unknown>): Promise<unknown> {
	return promise.then(
		() => undefined,
		(error: unknown) => error,
	);
}
