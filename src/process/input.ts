import { isUtf8 } from "node:buffer";
import type { Config } from "../config/schema.ts";
import { ProcessError, violation } from "../errors.ts";
import type { Journal } from "./journal.ts";
import type { ManagedProcess } from "./process.ts";
import type { InputStream } from "./stdin.ts";

/**
 * Holds input against the policy.
 *
 * @throws ProcessError SECURITY_VIOLATION stdin_not_allowed
 */
export function checkInput(
	config: Pick<Config, "allowStdinInput" | "blockBinaryStdin">,
	bytes: Uint8Array,
): void {
	if (!config.allowStdinInput)
		throw notAllowed("Input is not allowed", "allowStdinInput", true);
	const isText = isUtf8(bytes) && !bytes.includes(0);
	if (config.blockBinaryStdin && !isText)
		throw notAllowed("Binary input is not allowed", "blockBinaryStdin", false);
}

/**
 * A process's standard input, if it can be written to.
 *
 * @throws ProcessError STDIN_NOT_AVAILABLE, saying why
 */
export function openInput(process: ManagedProcess): InputStream {
	const { pid, state, stdin } = process;
	if (state !== "running")
		throw noStdin(pid, "the process has ended", 0, "Start it anew.");
	if (process.fedBy !== undefined) throw fed(pid, process.fedBy);
	if (!stdin)
		throw noStdin(
			pid,
			"it was started with closeStdin",
			0,
			"Start it anew without closeStdin.",
		);
	if (!stdin.closed) return stdin;
	const { reason, remediation } = stdin.wasEnded
		? ENDED
		: { reason: whyBroken(process), remediation: BROKEN };
	throw noStdin(pid, reason, 0, remediation);
}

function fed(pid: number, by: number): ProcessError {
	return noStdin(
		pid,
		`process ${by} feeds it, before it in a pipeline`,
		0,
		"Write to the pipeline's first stage.",
	);
}

const ENDED = {
	reason: "its end was given before (end, or closeStdin)",
	remediation: "Start it anew, and leave the input open until all is written.",
};
const BROKEN = "Read its output for the reason, or start it anew.";

/** Who made an end of an input that was still written to. */
export function whyBroken({ state, tree }: ManagedProcess): string {
	return state !== "running" || tree.hasLeaderEnded()
		? "the process has ended"
		: "the process closed it";
}

/**
 * A process's standard input can't be written to.
 *
 * @param bytesWritten what it had taken before
 */
export function noStdin(
	pid: number,
	reason: string,
	bytesWritten = 0,
	remediation = BROKEN,
): ProcessError {
	return new ProcessError(
		"STDIN_NOT_AVAILABLE",
		`Process stdin not available: ${pid}: ${reason}`,
		remediation,
		{ pid, reason, ...(bytesWritten > 0 && { bytesWritten }) },
	);
}

function notAllowed(what: string, key: string, value: boolean): ProcessError {
	return violation(
		"stdin_not_allowed",
		`${what} (${key})`,
		`Pass the data through arguments or files; or the user sets ${key} to ${value}.`,
		{ key },
	);
}

/** Gives a process what it is to read at once, in the background. */
export function feed(
	process: ManagedProcess,
	request: {
		readonly stdin?: string | undefined;
		closeStdin?: boolean | undefined;
	},
	journal: Journal,
): void {
	const { stdin } = process;
	if (!stdin) return;
	// A process that ends without reading it all loses only what it didn't want.
	if (request.stdin) {
		const bytes = Buffer.from(request.stdin);
		stdin
			.write(bytes, Number.POSITIVE_INFINITY)
			.then((written) => journal.wrote(process, written, bytes.length))
			.catch(() => journal.wrote(process, 0, bytes.length));
	}
	if (request.closeStdin) void stdin.end();
}
