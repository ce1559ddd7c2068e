import type { Config } from "../config/schema.ts";
import { violation } from "../errors.ts";

/**
 * Whether a launch's output is captured.
 *
 * @throws ProcessError output_not_allowed where it is asked for against the policy
 */
export function wantsCapture(
	{ allowOutputCapture }: Pick<Config, "allowOutputCapture">,
	request: { readonly captureOutput?: boolean | undefined },
): boolean {
	if (request.captureOutput === true && !allowOutputCapture) {
		throw violation(
			"output_not_allowed",
			"Output capture is not allowed (allowOutputCapture)",
			"Leave captureOutput out; or the user sets allowOutputCapture to true.",
			{ key: "allowOutputCapture" },
		);
	}
	return request.captureOutput ?? allowOutputCapture;
}
