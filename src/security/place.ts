import { configSchema } from "../config/schema.ts";
import { ProcessError } from "../errors.ts";
import type { AllowRule } from "./allowlist.ts";
import type { Policy } from "./policy.ts";

/** A refusal whose remediation also says where the setting behind it stands. */
export function withPlace(
	error: unknown,
	policy: Policy,
	rules: readonly AllowRule[] = [],
	layer?: string,
): unknown {
	if (!(error instanceof ProcessError)) return error;
	const { code, message, remediation, details } = error;
	const place = placeOf(details?.key, policy, rules);
	const isSaid = place === undefined || remediation.includes(place);
	return new ProcessError(
		code,
		message,
		isSaid ? remediation : `${remediation} (${String(details?.key)}: ${place})`,
		layer === undefined ? details : { ...details, layer },
	);
}

/** Where a setting, of the configuration or of one of the rules, is written or would be. */
function placeOf(
	key: unknown,
	{ configured, locate }: Policy,
	rules: readonly AllowRule[],
): string | undefined {
	if (typeof key !== "string" || !configured) return undefined;
	const rule = rules.find((each) => Object.hasOwn(each, key));
	if (rule) return locate(["allowedExecutables", rule.index, key]);
	return Object.hasOwn(configSchema.shape, key) ? locate([key]) : undefined;
}
