import { isExhaustion, ProcessError } from "../errors.ts";

/**
 * What follows from a look at a file or directory that failed: that there is none.
 *
 * @throws ProcessError SPAWN_FAILED where that can't be said, as there are no
 *   descriptors to look with
 */
export function absence(error: unknown): undefined {
	if (!isExhaustion(error)) return undefined;
	throw new ProcessError(
		"SPAWN_FAILED",
		"Process could not be started: too many open files",
		"End processes that are no longer needed; or the user raises the server's limit of open files (ulimit -n).",
	);
}
