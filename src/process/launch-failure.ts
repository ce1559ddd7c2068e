import { existsSync, statSync } from "node:fs";
import { EXHAUSTED, messageOf, ProcessError, systemCode } from "../errors.ts";
import type { Admitted } from "../security/gate.ts";
import { interpreterOf } from "../security/script.ts";

/** The system's complaint about a start as one about what was asked for; what already is one stays as it is. */
export function launchFailure(
	error: unknown,
	{ executable, cwd }: Pick<Admitted, "executable" | "cwd">,
): ProcessError {
	if (error instanceof ProcessError) return error;
	const code = systemCode(error) ?? "";
	const details = { executable: executable.real, systemCode: code };
	// The system names the command for a missing directory, too.
	if (!isDirectory(cwd)) {
		return new ProcessError(
			"INVALID_WORKING_DIRECTORY",
			`Working directory is gone: ${cwd}`,
			"Create the directory first, or give another cwd.",
			details,
		);
	}
	if (code === "EACCES" || code === "EPERM") {
		return new ProcessError(
			"PERMISSION_DENIED",
			`Permission denied: ${executable.real} can't be executed by the server's user`,
			"The user makes the file executable (chmod +x), or names another one.",
			details,
		);
	}
	if (code === "E2BIG") {
		return new ProcessError(
			"SPAWN_FAILED",
			"Argument list too long for the system",
			"Pass fewer or shorter arguments, or the data through a file or standard input.",
			details,
		);
	}
	const reason = explain(code, executable.real) ?? messageOf(error);
	return new ProcessError(
		"SPAWN_FAILED",
		`Process could not be started: ${reason}`,
		"Check that the file is a program for this machine and that what it needs is installed.",
		details,
	);
}

function explain(code: string, path: string): string | undefined {
	if (code === "ENOEXEC")
		return `${path} is neither a program for this machine nor a script with a #! line`;
	if (EXHAUSTED.has(code)) return "too many open files";
	if (code === "EAGAIN") return "the system's limit of processes is reached";
	if (code !== "ENOENT") return undefined;
	const interpreter = interpreterOf(path);
	if (interpreter !== undefined && !existsSync(interpreter.path))
		return `${path} needs the interpreter ${interpreter.path}, which is not there`;
	return existsSync(path)
		? `${path} needs a loader or interpreter that is not there`
		: `${path} is gone`;
}

function isDirectory(path: string): boolean {
	return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** What a launch meets once the server is stopping. */
export function shuttingDown(): ProcessError {
	return new ProcessError(
		"SPAWN_FAILED",
		"The server is stopping; nothing is started any more",
		"Start it anew once the server is back.",
	);
}

/** What a launch meets whose call was cancelled before it came to it. */
export function calledOff(): ProcessError {
	return new ProcessError(
		"SPAWN_FAILED",
		"The call was cancelled before the process was started",
		"Call again to start it.",
	);
}
