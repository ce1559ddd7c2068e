import type { Config } from "../config/schema.ts";
import { violation } from "../errors.ts";

/**
 * Whether a process's output is captured.
 *
 * @param asked what the request says, if anything
 * @throws ProcessError SECURITY_VIOLATION output_not_allowed
 */
export function captures(
	{ allowOutputCapture }: Pick<Config, "allowOutputCapture">,
	asked: boolean | undefined,
): boolean {
	if (asked === true && !allowOutputCapture) {
		throw violation(
			"output_not_allowed",
			"Output capture is not allowed (allowOutputCapture)",
			"Leave captureOutput out; or the user sets allowOutputCapture to true.",
			{ key: "allowOutputCapture" },
		);
	}
	return asked ?? allowOutputCapture;
}
