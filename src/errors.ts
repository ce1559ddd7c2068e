/** Every code that a failed call can carry; clients may branch on them, so none is renamed. */
export const ERROR_CODES = [
	"SECURITY_VIOLATION",
	"EXECUTABLE_NOT_FOUND",
	"PERMISSION_DENIED",
	"SPAWN_FAILED",
	"INVALID_WORKING_DIRECTORY",
	"INVALID_ARGUMENT",
	"UNKNOWN_TOOL",
	"CONCURRENT_LIMIT_EXCEEDED",
	"RATE_LIMIT_EXCEEDED",
	"TOTAL_LIMIT_EXCEEDED",
	"CONFIRMATION_DECLINED",
	"CONFIRMATION_UNAVAILABLE",
	"PROCESS_NOT_FOUND",
	"PROCESS_NOT_RUNNING",
	"STDIN_NOT_AVAILABLE",
	"OUTPUT_NOT_CAPTURED",
	"TERMINATION_FAILED",
	"GROUP_NOT_FOUND",
	"PIPELINE_DATA_LOST",
	"SERVICE_NOT_FOUND",
	"SERVICE_EXISTS",
	"INTERNAL_ERROR",
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** What `details.violation` says under SECURITY_VIOLATION. */
export const VIOLATIONS = [
	"dangerous_executable",
	"shell_interpreter",
	"setuid_executable",
	"not_in_allowlist",
	"unsafe_location",
	"argument_injection",
	"argument_traversal",
	"argument_blocked",
	"argument_limit",
	"env_var_injection",
	"env_var_limit",
	"working_directory_restricted",
	"resource_maximum",
	"time_window",
	"termination_not_allowed",
	"stdin_not_allowed",
	"output_not_allowed",
] as const;

export type Violation = (typeof VIOLATIONS)[number];

/** A failure that the caller is told of: what happened, and what can be done about it. */
export class ProcessError extends Error {
	override readonly name = "ProcessError";

	constructor(
		readonly code: ErrorCode,
		message: string,
		readonly remediation: string,
		readonly details?: Readonly<Record<string, unknown>>,
	) {
		super(message);
	}
}

/** A refusal by the policy. */
export function violation(
	kind: Violation,
	message: string,
	remediation: string,
	details: Readonly<Record<string, unknown>> = {},
): ProcessError {
	return new ProcessError("SECURITY_VIOLATION", message, remediation, {
		violation: kind,
		...details,
	});
}

/** The system's code of an error (`ENOENT`), or undefined where it has none. */
export function systemCode(error: unknown): string | undefined {
	if (!(error instanceof Error) || !("code" in error)) return undefined;
	return typeof error.code === "string" ? error.code : undefined;
}

/** Codes of the system's that say so; see `isExhaustion`. */
export const EXHAUSTED: ReadonlySet<string> = new Set(["EMFILE", "ENFILE"]);

/** Whether an error says nothing of a file, but that this process or the system can open no more. */
export function isExhaustion(error: unknown): boolean {
	return EXHAUSTED.has(systemCode(error) ?? "");
}

/** A text cut to `limit` characters, with the number of those that are missing. */
export function shorten(text: string, limit: number): string {
	const more = text.length - limit;
	return more > 0 ? `${text.slice(0, limit)}... (${more} more)` : text;
}

/** What an unknown thrown value says, on one line. */
export function messageOf(error: unknown): string {
	const text = error instanceof Error ? error.message : String(error);
	return text.replace(/\s*\n\s*/g, " ");
}

/** Characters of one line, and lines that may wait for a client that doesn't read them. */
const LONGEST_LINE = 500;
const MOST_WAITING = 100;

let waiting = 0;

/**
 * Tells the user, on standard error, what went wrong. Never blocks: a client that
 * doesn't read its server's diagnostics loses them, and not the server.
 */
export function diagnose(text: string): void {
	if (waiting >= MOST_WAITING) return;
	waiting++;
	process.stderr.write(`mcp-process: ${shorten(text, LONGEST_LINE)}\n`, () => {
		waiting--;
	});
}
