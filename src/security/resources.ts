import type { ResourceLimits } from "../config/fields.ts";
import type { Config } from "../config/schema.ts";
import { ProcessError, violation } from "../errors.ts";

export const LIMIT_NAMES = [
	"maxCpuPercent",
	"maxMemoryMB",
	"maxFileDescriptors",
	"maxCpuTime",
	"maxProcesses",
] as const satisfies readonly (keyof ResourceLimits)[];

/** What each limit promises a user. */
export const LIMIT_PROMISES: Readonly<Record<LimitName, string>> = {
	maxCpuPercent: "A tree uses no more CPU than its limit",
	maxMemoryMB: "A tree uses no more memory than its limit",
	maxFileDescriptors: "A process opens no more files than its limit",
	maxCpuTime: "A tree uses no more CPU seconds than its limit",
	maxProcesses: "A tree has no more processes than its limit",
};

/** What holds a tree to each limit where the system doesn't: the server's looks. */
export const ENFORCED_BY_SERVER: Readonly<
	Record<Exclude<LimitName, "maxFileDescriptors">, string>
> = {
	maxCpuPercent: "the server, which pauses the tree",
	maxMemoryMB: "the server, which ends the tree",
	maxCpuTime: "the server, which ends the tree",
	maxProcesses: "the server, which ends the tree",
};

/** The limits that looks at a tree can hold it to; they know nothing of descriptors. */
export const LIMITS_BY_LOOKS: readonly LimitName[] = LIMIT_NAMES.filter(
	(name) => name !== "maxFileDescriptors",
);

/** What holds a tree to a limit where that is the server, in words. */
export function enforcedByServer(name: LimitName): string | undefined {
	return name === "maxFileDescriptors" ? undefined : ENFORCED_BY_SERVER[name];
}

export type LimitName = (typeof LIMIT_NAMES)[number];

/** Limits as they are asked for and as they hold: each may be missing. */
export type Limits = { readonly [name in LimitName]?: number | undefined };

/**
 * The limits that hold for a launch: those asked for, else the rules' of its
 * executable, else the default ones, and never more than the highest allowed.
 * A rule stands above the general maximum, as it is about that executable alone.
 *
 * @param enforceable what this machine can hold a process to
 * @throws ProcessError SECURITY_VIOLATION resource_maximum where more is asked for
 *   than is allowed; INVALID_ARGUMENT where it can't be enforced
 */
export function effectiveLimits(
	requested: Limits,
	rules: readonly Limits[],
	config: Pick<Config, "defaultResourceLimits" | "maximumResourceLimits">,
	enforceable: ReadonlySet<LimitName>,
): Limits {
	const limits: { [name in LimitName]?: number } = {};
	for (const name of LIMIT_NAMES) {
		const asked = requested[name];
		const own = rules.flatMap((rule) => rule[name] ?? []);
		const maximum =
			own.length > 0 ? Math.min(...own) : config.maximumResourceLimits[name];
		if (asked !== undefined && !enforceable.has(name)) throw unenforced(name);
		if (asked !== undefined && maximum !== undefined && asked > maximum)
			throw tooMuch(name, asked, maximum, own.length > 0);
		const wanted = asked ?? config.defaultResourceLimits[name];
		const value =
			wanted === undefined || maximum === undefined
				? (wanted ?? maximum)
				: Math.min(wanted, maximum);
		if (value !== undefined) limits[name] = value;
	}
	return limits;
}

function tooMuch(
	name: LimitName,
	asked: number,
	maximum: number,
	isRule: boolean,
): ProcessError {
	const key = isRule
		? "resourceLimits of its rule in allowedExecutables"
		: "maximumResourceLimits";
	return violation(
		"resource_maximum",
		`Resource limit above the maximum: ${name} ${asked} > ${maximum}`,
		`Ask for at most ${maximum}; or the user raises ${name} in ${key}.`,
		{ limit: name, asked, maximum, key },
	);
}

function unenforced(name: LimitName): ProcessError {
	return new ProcessError(
		"INVALID_ARGUMENT",
		`resourceLimits.${name}: can't be enforced on this machine`,
		"Leave it out.",
		{ field: `resourceLimits.${name}` },
	);
}
