import { formatPath } from "../config/document.ts";
import { ConfigError, type LoadedConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { messageOf } from "../errors.ts";
import { type AllowRule, toRules } from "./allowlist.ts";
import { type DirectoryPolicy, directoryPolicy } from "./directory.ts";
import { type Environment, inheritedEnvironment } from "./environment.ts";
import { searchDirectories } from "./executable.ts";
import type { Pattern } from "./pattern.ts";
import { LIMIT_NAMES, type LimitName, type Limits } from "./resources.ts";
import type { SelfFile } from "./self.ts";
import { parseTimeWindow, type TimeWindow } from "./time-window.ts";

/** What the gate needs to know of the process that it is part of; fixed at start. */
export interface ServerFacts {
	readonly env: Environment;
	readonly directory: string;
	/** This program's own file, where it is a program of its own. */
	readonly self?: SelfFile;
	/** The resource limits that this machine can hold a process to. */
	readonly enforceable?: ReadonlySet<LimitName>;
}

/** A configuration made ready to be asked. */
export interface Policy {
	readonly config: Config;
	readonly configured: boolean;
	readonly server: ServerFacts;
	/** What every child has of the server's environment. */
	readonly inherited: Environment;
	/** The directories of PATH in which bare names are looked up. */
	readonly searchPath: readonly string[];
	readonly rules: readonly AllowRule[];
	readonly directories: DirectoryPolicy;
	readonly blockedArguments: readonly Pattern[];
	/** The patterns of each rule, by its place in the list. */
	readonly rulePatterns: ReadonlyMap<number, RulePatterns>;
	readonly timeWindows: {
		readonly allowed: readonly TimeWindow[];
		readonly blocked: readonly TimeWindow[];
	};
	/** How a person finds a setting. */
	readonly locate: LoadedConfig["locate"];
}

export interface RulePatterns {
	readonly allowed?: readonly Pattern[] | undefined;
	readonly blocked: readonly Pattern[];
}

/**
 * Makes a configuration ready.
 *
 * @throws ConfigError on a pattern or a variable that cannot be used
 */
export async function createPolicy(
	loaded: LoadedConfig,
	server: ServerFacts,
): Promise<Policy> {
	const { config, locate, source } = loaded;
	refuseUnenforceable(loaded, server.enforceable ?? new Set());
	const compile = await patternCompiler(loaded);
	const rules = toRules(config.allowedExecutables);
	const rulePatterns = new Map<number, RulePatterns>();
	for (const rule of rules) {
		const path = ["allowedExecutables", rule.index] as const;
		const { allowedArguments, blockedArguments = [] } = rule;
		refuseUnusableNames(rule, loaded);
		rulePatterns.set(rule.index, {
			allowed:
				allowedArguments &&
				compile(allowedArguments, [...path, "allowedArguments"]),
			blocked: compile(blockedArguments, [...path, "blockedArguments"]),
		});
	}
	return {
		config,
		configured: source.kind !== "none",
		server,
		inherited: inheritedEnvironment(config, server.env),
		searchPath: searchDirectories(server.env.PATH ?? server.env.Path),
		rules,
		directories: directoryPolicy(config, server.directory),
		blockedArguments: compile(config.blockedArgumentPatterns, [
			"blockedArgumentPatterns",
		]),
		rulePatterns,
		timeWindows: {
			allowed: timeWindows(loaded, "allowedTimeWindows"),
			blocked: timeWindows(loaded, "blockedTimeWindows"),
		},
		locate,
	};
}

function timeWindows(
	{ config, locate }: LoadedConfig,
	key: "allowedTimeWindows" | "blockedTimeWindows",
): TimeWindow[] {
	return config[key].map((source, index) => {
		try {
			return parseTimeWindow(source);
		} catch (error) {
			throw new ConfigError(
				`${locate([key, index])}: ${key}[${index}]: ${messageOf(error)}`,
			);
		}
	});
}

type Compile = (
	sources: readonly string[],
	path: readonly (string | number)[],
) => Pattern[];

/** The engine is loaded where there is a pattern; most configurations have none. */
async function patternCompiler({
	config,
	locate,
}: LoadedConfig): Promise<Compile> {
	const hasPatterns =
		config.blockedArgumentPatterns.length > 0 ||
		config.allowedExecutables.some(
			(entry) =>
				typeof entry !== "string" &&
				(entry.allowedArguments || entry.blockedArguments),
		);
	if (!hasPatterns) return () => [];
	const { compilePattern } = await import("./pattern.ts");
	return (sources, path) =>
		sources.map((source, index) => {
			const key = String(path.at(-1));
			try {
				return compilePattern(source, key);
			} catch (error) {
				const place = [...path, index];
				throw new ConfigError(
					`${locate(place)}: ${formatPath(place)}: ${JSON.stringify(source)} is not a regular expression that RE2 takes: ${messageOf(error)}`,
				);
			}
		});
}

/** A limit that this machine can't hold a process to would protect nothing. */
function refuseUnenforceable(
	{ config, locate }: LoadedConfig,
	enforceable: ReadonlySet<LimitName>,
): void {
	const places: [path: (string | number)[], limits: Limits | undefined][] = [
		[["defaultResourceLimits"], config.defaultResourceLimits],
		[["maximumResourceLimits"], config.maximumResourceLimits],
		...toRules(config.allowedExecutables).map(
			(rule): [(string | number)[], Limits | undefined] => [
				["allowedExecutables", rule.index, "resourceLimits"],
				rule.resourceLimits,
			],
		),
	];
	for (const [path, limits = {}] of places) {
		const name = LIMIT_NAMES.find(
			(key) => limits[key] !== undefined && !enforceable.has(key),
		);
		if (name === undefined) continue;
		throw new ConfigError(
			`${locate([...path, name])}: ${formatPath([...path, name])}: can't be enforced on this machine; remove it, as a setting that is not enforced protects nothing`,
		);
	}
}

function refuseUnusableNames(rule: AllowRule, { locate }: LoadedConfig): void {
	for (const [name, value] of Object.entries(rule.env ?? {})) {
		const env = ["allowedExecutables", rule.index, "env"];
		const path = [...env, name];
		const place = `${locate(path)}: ${formatPath(env)}`;
		if (name === "" || /[=\0]/.test(name)) {
			throw new ConfigError(
				`${place}: ${JSON.stringify(name)} is not a variable's name`,
			);
		}
		if (value.includes("\0"))
			throw new ConfigError(`${place}: ${name} holds a NUL byte`);
		if (name.toUpperCase() === "PATH") {
			throw new ConfigError(
				`${place}: PATH is always the server's own, as it decides what bare names mean; set it where the server is started`,
			);
		}
	}
}
