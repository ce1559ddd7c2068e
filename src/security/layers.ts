import { delimiter } from "node:path";
import { violation } from "../errors.ts";
import type { AllowRule } from "./allowlist.ts";
import type { Attempt, Layer } from "./attempt.ts";
import { checkDirectory, intendedDirectory } from "./directory.ts";
import { buildEnvironment, type Environment } from "./environment.ts";
import { EXECUTABLE_LAYERS } from "./executable-layers.ts";
import { effectiveLimits } from "./resources.ts";
import { isInWindow, wallTime } from "./time-window.ts";

const environmentLayer: Layer = {
	name: "environment",
	check(attempt) {
		const { request, policy } = attempt;
		attempt.built = buildEnvironment(
			request.env ?? {},
			rulesEnv(attempt),
			policy.config,
			{
				inherited: policy.inherited,
				path: policy.searchPath.join(delimiter),
			},
		);
		const { env, warnings } = attempt.built;
		return [`${Object.keys(env).length} variables`, ...warnings].join("; ");
	},
};

/** What the rules of the program, and of those that it wraps, set. */
function rulesEnv(attempt: Attempt): Environment {
	return Object.assign({}, ...allRules(attempt).map(({ env }) => env));
}

/** The rules of the program and of those that it wraps. */
function allRules({ rules = [], inner }: Attempt): readonly AllowRule[] {
	return inner ? [...rules, ...allRules(inner)] : rules;
}

const directoryLayer: Layer = {
	name: "directory",
	check(attempt) {
		const { directories, server } = attempt.policy;
		attempt.cwd = checkDirectory(
			intendedDirectory(attempt.request.cwd, directories, server.directory),
			directories,
		);
		return attempt.cwd;
	},
};

const resourcesLayer: Layer = {
	name: "resources",
	check(attempt) {
		const { request, policy } = attempt;
		const limits = effectiveLimits(
			request.resourceLimits ?? {},
			allRules(attempt).flatMap((rule) => rule.resourceLimits ?? []),
			policy.config,
			policy.server.enforceable ?? new Set(),
		);
		attempt.limits = limits;
		const held = Object.entries(limits).map(
			([name, value]) => `${name} ${value}`,
		);
		return held.length > 0 ? held.join(", ") : "no limits";
	},
};

const concurrencyLayer: Layer = {
	name: "concurrency",
	check: ({ ledger, request }) => ledger.checkConcurrency(request.agent),
};

const rateLayer: Layer = {
	name: "rate",
	check: ({ ledger }) => ledger.checkRate(),
};

const timeLayer: Layer = {
	name: "time",
	check({ now, policy }) {
		const { allowed, blocked } = policy.timeWindows;
		// The first look at a local time loads the zone's rules, which takes 17 ms.
		if (allowed.length === 0 && blocked.length === 0) return "any time";
		const time = wallTime(now);
		const hit = blocked.find((window) => isInWindow(time, window));
		const isAllowed =
			allowed.length === 0 ||
			allowed.some((window) => isInWindow(time, window));
		if (!hit && isAllowed)
			return allowed.length === 0 ? "any time" : "within an allowed time";
		const key = hit ? "blockedTimeWindows" : "allowedTimeWindows";
		const windows = hit ? [hit] : allowed;
		throw violation(
			"time_window",
			`Nothing may be started at this time (${key}: ${windows.map(({ source }) => JSON.stringify(source)).join(", ")}, local time)`,
			`Try again at another time; or the user changes ${key}.`,
			{ key },
		);
	},
};

/** What changes with every launch that is let in. */
export const COUNTING_LAYERS: readonly Layer[] = [concurrencyLayer, rateLayer];

/** Every layer, in the order in which they are asked; the user's confirmation comes after them. */
export const LAYERS: readonly Layer[] = [
	...EXECUTABLE_LAYERS,
	environmentLayer,
	directoryLayer,
	resourcesLayer,
	...COUNTING_LAYERS,
	timeLayer,
];

/** Those that what was admitted before passes again: its place is its own already. */
export const STANDING_LAYERS: readonly Layer[] = LAYERS.filter(
	(layer) => !COUNTING_LAYERS.includes(layer),
);
