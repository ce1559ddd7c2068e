import type { LaunchRequest } from "../security/attempt.ts";
import type { Admitted } from "../security/gate.ts";
import type { Identity } from "./identity.ts";
import type { ManagedProcess } from "./process.ts";
import type { TerminalSize } from "./terminal.ts";

/** What somebody wants started, and how. */
export interface StartRequest extends LaunchRequest {
	readonly name?: string | undefined;
	/** Milliseconds after which the tree is ended. */
	readonly timeout?: number | undefined;
	readonly captureOutput?: boolean | undefined;
	/** Close standard input after `stdin`, or at once. */
	readonly closeStdin?: boolean | undefined;
	/** One pipe for standard output and error, read as standard output. */
	readonly mergeStderr?: boolean | undefined;
	readonly terminal?: TerminalSize | undefined;
	/** Have its standard output wait for a reader rather than drop any of it. */
	readonly keepOutput?: boolean | undefined;
	/** The process before it in a pipeline, whose standard output it may be given as its input. */
	readonly source?: ManagedProcess | undefined;
	/** Aborted when nobody wants it started any more. */
	readonly signal?: AbortSignal | undefined;
}

/**
 * What a launch will be known by.
 *
 * @param lifetime seconds after which it is ended; undefined where it may run for ever
 */
export function identityOf(
	admitted: Admitted,
	{ name, executable, timeout }: StartRequest,
	lifetime: number | undefined,
): Identity {
	return {
		name,
		command: executable,
		file: admitted.executable.real,
		args: admitted.args,
		cwd: admitted.cwd,
		agent: admitted.agent,
		limits: admitted.limits,
		deadlines: {
			...(timeout !== undefined && { timeout }),
			...(lifetime !== undefined && { lifetime: lifetime * 1000 }),
		},
	};
}
