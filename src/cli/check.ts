import { nameOf } from "../config/load.ts";
import { configSchema } from "../config/schema.ts";
import { findExecutable, isBareName } from "../security/executable.ts";
import type { Policy } from "../security/policy.ts";
import { findRisks, type Risk } from "../security/risks.ts";
import { wire } from "./wire.ts";

/**
 * The effective policy and its risks, as text.
 *
 * @throws ConfigError where the configuration cannot be used
 */
export async function check(config: string | undefined): Promise<string> {
	const { loaded, policy, audit } = await wire(config);
	const problem = audit.problem();
	// What is alike in several entries is said once.
	const risks = Map.groupBy(findRisks(policy, loaded), ({ risk }) => risk);
	return [
		`Configuration: ${nameOf(loaded.source)}`,
		"",
		"Executables:",
		...executables(policy),
		"",
		"Settings that are not at their defaults:",
		...settings(policy),
		"",
		...(problem ? [problem.message, ""] : []),
		risks.size === 0 ? "No risks found." : `Risks (${risks.size}):`,
		...[...risks.values()].flatMap(linesOf),
		"",
	].join("\n");
}

/** A risk, with all entries that it is alike for and the advice for the first. */
function linesOf(alike: readonly Risk[]): string[] {
	const [first] = alike;
	if (!first) return [];
	const entries = alike.flatMap(({ entry }) => entry ?? []);
	const places = [...new Set(alike.map(({ place }) => place))];
	const subject = entries.length > 0 ? `${entries.join(", ")}: ` : "";
	const verb = entries.length > 1 ? `each ${first.risk}` : first.risk;
	return [
		`  ${subject}${verb}`,
		`    ${places.join(", ")}`,
		`    ${first.advice}`,
	];
}

function executables({ rules, searchPath }: Policy): string[] {
	if (rules.length === 0) return ["  none"];
	const found = new Map(
		rules
			.map((rule) => rule.executable)
			.filter(isBareName)
			.map((name) => [name, findExecutable(name, searchPath, "/")?.found]),
	);
	const missing = [...found].filter(([, path]) => path === undefined);
	return [
		...rules.flatMap(({ executable }) => {
			if (!isBareName(executable)) return [`  ${executable}`];
			const path = found.get(executable);
			return path === undefined ? [] : [`  ${executable.padEnd(10)} ${path}`];
		}),
		...(missing.length > 0
			? [`  not found in PATH: ${missing.map(([name]) => name).join(", ")}`]
			: []),
	];
}

function settings({ config }: Policy): string[] {
	const defaults: Readonly<Record<string, unknown>> = configSchema.parse({});
	const changed = Object.entries(config).filter(
		([key, value]) =>
			key !== "allowedExecutables" &&
			key !== "$schema" &&
			JSON.stringify(value) !== JSON.stringify(defaults[key]),
	);
	return changed.length === 0
		? ["  none"]
		: changed.map(([key, value]) => `  ${key}: ${JSON.stringify(value)}`);
}
