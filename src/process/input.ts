import { isUtf8 } from "node:buffer";
import type { Config } from "../config/schema.ts";
import { ProcessError, violation } from "../errors.ts";
import type { Platform } from "../platform/platform.ts";
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
	if (!stdin)
		throw noStdin(
			pid,
			"it was started with closeStdin",
			0,
			"Start it anew without closeStdin.",
		);
	if (stdin.closed) throw noStdin(pid, "it is closed");
	return stdin;
}

const CLOSED =
	"end, closeStdin or the process itself closed it; read its output, or start it anew.";

/** Who closed an input while it was written to. */
export function whyClosed({ state, tree }: ManagedProcess): string {
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
	remediation = CLOSED,
): ProcessError {
	return new ProcessError(
		"STDIN_NOT_AVAILABLE",
		`Process stdin not available: ${pid}: ${reason}`,
		remediation,
		{ pid, reason, ...(bytesWritten > 0 && { bytesWritten }) },
	);
}

/**
 * Whether a launch's output is captured.
 *
 * @throws ProcessError SECURITY_VIOLATION output_not_allowed, or INVALID_ARGUMENT
 *   where streams can't be merged
 */
export function captures(
	{ allowOutputCapture }: Pick<Config, "allowOutputCapture">,
	{ pipes }: Pick<Platform, "pipes">,
	request: {
		readonly captureOutput?: boolean | undefined;
		readonly mergeStderr?: boolean | undefined;
	},
): boolean {
	if (request.captureOutput === true && !allowOutputCapture) {
		throw violation(
			"output_not_allowed",
			"Output capture is not allowed (allowOutputCapture)",
			"Leave captureOutput out; or the user sets allowOutputCapture to true.",
			{ key: "allowOutputCapture" },
		);
	}
	if (request.mergeStderr === true && !pipes) {
		throw new ProcessError(
			"INVALID_ARGUMENT",
			"mergeStderr: two streams can't share a pipe on this system",
			"Start it without mergeStderr, and read both streams.",
			{ field: "mergeStderr" },
		);
	}
	return request.captureOutput ?? allowOutputCapture;
}

function notAllowed(what: string, key: string, value: boolean): ProcessError {
	return violation(
		"stdin_not_allowed",
		`${what} (${key})`,
		`Pass the data through arguments or files; or the user sets ${key} to ${value}.`,
		{ key },
	);
}
