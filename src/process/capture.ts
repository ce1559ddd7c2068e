import type { Config } from "../config/schema.ts";
import { ProcessError, violation } from "../errors.ts";
import type { Platform } from "../platform/platform.ts";

/**
 * Whether a launch's output is captured.
 *
 * @throws ProcessError SECURITY_VIOLATION output_not_allowed where it is asked for
 *   against the policy, or INVALID_ARGUMENT where streams can't be merged
 */
export function wantsCapture(
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
