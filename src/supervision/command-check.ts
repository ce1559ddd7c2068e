import { ProcessError } from "../errors.ts";
import type { ProcessManager } from "../process/manager.ts";
import type { ManagedProcess } from "../process/process.ts";
import type { StartRequest } from "../process/start-request.ts";
import { settlesWithin } from "../process/timer.ts";
import type { Admitted } from "../security/gate.ts";
import type { Check } from "./health.ts";

/** Bytes of the last output that are kept of a process. */
const TAIL = 2000;
/** The same of a check's streams while it runs. */
const utf8 = new TextDecoder();

/** The last that a process wrote: to its standard error, or else its output. */
export function lastOutput({ stdout, stderr }: ManagedProcess): string {
	const { start, end } = stderr.size > 0 ? stderr : stdout;
	const ring = stderr.size > 0 ? stderr : stdout;
	const { bytes } = ring.read(Math.max(start, end - TAIL), TAIL);
	return utf8.decode(bytes).trimEnd();
}

type Start = (
	admitted: Admitted,
	request: StartRequest,
) => Promise<ManagedProcess>;

/**
 * Healthy where a command ends with exit code 0 within `timeout` milliseconds.
 * Whatever it leaves behind is killed with it, and is gone before the next check.
 *
 * @param launch passes the command through the gate and starts it
 */
export function commandCheck(
	manager: ProcessManager,
	timeout: number,
	launch: (start: Start) => Promise<ManagedProcess>,
): Check {
	const start: Start = (admitted, { executable: _, ...request }) =>
		manager.startAdmitted(
			admitted,
			{
				...request,
				executable: admitted.executable.found,
				name: undefined,
				stdin: undefined,
				closeStdin: true,
			},
			{ isHidden: true },
		);
	return async (signal) => {
		let process: ManagedProcess;
		try {
			process = await launch(start);
		} catch (error) {
			if (!(error instanceof ProcessError)) throw error;
			// The time of day says nothing about the service.
			const isUntimely = error.details?.violation === "time_window";
			const healthy = isUntimely ? undefined : false;
			return { healthy, detail: `could not be run: ${error.message}` };
		}
		const stopped = Promise.withResolvers<void>();
		const stop = () => stopped.resolve();
		signal.addEventListener("abort", stop);
		if (signal.aborted) stop();
		const ended = Promise.race([process.ended, stopped.promise]);
		const isInTime = await settlesWithin(ended, timeout);
		signal.removeEventListener("abort", stop);
		const { termination } = process;
		await endAll(manager, process);
		const output = lastOutput(process);
		if (!termination) {
			const detail = isInTime ? "called off" : `did not end in ${timeout} ms`;
			return { healthy: false, detail, output };
		}
		const { exitCode, message } = termination;
		return { healthy: exitCode === 0, detail: message, output };
	};
}

/** Kills what is left of a check, without a record where nothing is. */
async function endAll(
	manager: ProcessManager,
	process: ManagedProcess,
): Promise<void> {
	const isOver = process.termination && process.tree.alive().length === 0;
	if (isOver) return;
	await manager.terminate(process, {
		cause: "terminated",
		message: "a health check that took too long or left something behind",
		force: true,
		grace: 0,
		mayKill: true,
	});
}
