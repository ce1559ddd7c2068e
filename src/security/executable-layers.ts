import { readlinkSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { ProcessError, violation } from "../errors.ts";
import { type AllowRule, isListed, matchingRules } from "./allowlist.ts";
import { checkArguments } from "./arguments.ts";
import { type Attempt, describe, type Layer } from "./attempt.ts";
import { intendedDirectory } from "./directory.ts";
import {
	appletsInArguments,
	type Executable,
	findExecutable,
	isBareName,
	judgedNames,
	programName,
} from "./executable.ts";
import { isDangerousName } from "./names.ts";
import { isSelf } from "./self.ts";
import { shellLayer } from "./shell-layer.ts";

const resolveLayer: Layer = {
	name: "resolve",
	check(attempt) {
		const found = findExecutable(
			attempt.request.executable,
			attempt.policy.searchPath,
			directoryOf(attempt),
		);
		attempt.executable = found;
		if (!found) return "no such file";
		return found.found === found.real
			? found.real
			: `${found.found}, really ${found.real}`;
	},
};

/** Where the launch would run, which a relative path starts from. */
function directoryOf({ request, policy }: Attempt): string {
	const { directories, server } = policy;
	return intendedDirectory(request.cwd, directories, server.directory);
}

const dangerousLayer: Layer = {
	name: "dangerous",
	check({ request, executable, policy }) {
		const { server, config } = policy;
		const shown = describe(request.executable, executable);
		if (executable && server.self && isSelf(executable, server.self))
			throw dangerous(`${shown} is this server's own program`, executable);
		const names = [
			...judgedNames(request.executable, executable),
			...appletsInArguments(executable, request.args),
		];
		const builtIn = names.find(isDangerousName);
		if (builtIn !== undefined)
			throw dangerous(
				builtIn === programName(request.executable)
					? shown
					: `${shown} is ${builtIn}`,
				executable,
			);
		const added = config.additionalBlockedExecutables.map(programName);
		if (!names.some((name) => added.includes(name)))
			return "not a known danger";
		throw violation(
			"dangerous_executable",
			`Executable is blocked for security reasons: ${shown} (additionalBlockedExecutables)`,
			"Use another program; or the user takes it out of additionalBlockedExecutables.",
			{ key: "additionalBlockedExecutables" },
		);
	},
};

function dangerous(what: string, executable: Executable | undefined) {
	return violation(
		"dangerous_executable",
		`Executable is blocked for security reasons: ${what}`,
		"It can't be allowed. Reach the goal with another program, or ask the user to run it.",
		executable && { executable: executable.real },
	);
}

const privilegeLayer: Layer = {
	name: "privilege",
	check({ request, executable, policy, probes }) {
		if (!policy.config.blockSetuidExecutables)
			return "blockSetuidExecutables is false";
		if (!executable) return "no such file";
		// S_ISUID and S_ISGID, inode(7).
		const bits = (executable.mode & 0o6000) !== 0;
		if (!bits && !probes.hasCapabilities(executable.real))
			return "no privileges of its own";
		throw violation(
			"setuid_executable",
			`Setuid/setgid executables are blocked: ${describe(request.executable, executable)}${bits ? "" : " has file capabilities"}`,
			"Use a program without privileges of its own; or the user sets blockSetuidExecutables to false.",
			{ key: "blockSetuidExecutables", executable: executable.real },
		);
	},
};

const allowlistLayer: Layer = {
	name: "allowlist",
	check(attempt) {
		const { request, executable, policy } = attempt;
		const { searchPath, locate } = policy;
		if (!executable) {
			const path = resolve(directoryOf(attempt), request.executable);
			if (isListed(request.executable, path, policy.rules))
				throw notFound(request.executable);
			throw notAllowed(attempt);
		}
		const rules = matchingRules(executable, policy.rules, searchPath);
		if (rules.length === 0) throw notAllowed(attempt);
		refuseUnsafeLocation(executable);
		attempt.rules = rules;
		return rules
			.map(
				(rule) =>
					`${JSON.stringify(rule.executable)} (${locate(["allowedExecutables", rule.index])})`,
			)
			.join(", ");
	},
};

function notFound(name: string): ProcessError {
	return new ProcessError(
		"EXECUTABLE_NOT_FOUND",
		`Executable not found: ${JSON.stringify(name)} is allowed, but there is no such file in the server's PATH or at that path`,
		"Check the name; the user installs the program, or starts the server with a PATH that has it.",
		{ executable: name },
	);
}

function notAllowed({ request, executable, policy }: Attempt): ProcessError {
	const { rules, configured, locate } = policy;
	const allowed = rules.map((rule) => rule.executable);
	const shown = allowed.slice(0, 20).join(", ");
	const more = allowed.length > 20 ? ` and ${allowed.length - 20} more` : "";
	const where = configured
		? `allowedExecutables (${locate(["allowedExecutables"])})`
		: "allowedExecutables; there is no configuration yet: mcp-process --create-config writes one, --config names it";
	const entry = isBareName(request.executable)
		? request.executable
		: executable?.found;
	const remedy =
		entry === undefined
			? "there is no such file: check the path"
			: `the user adds ${JSON.stringify(entry)} to ${where}`;
	return violation(
		"not_in_allowlist",
		`Executable not in allowlist: ${describe(request.executable, executable)}`,
		`${allowed.length > 0 ? `Use an allowed one (${shown}${more})` : "Nothing is allowed yet"}; or ${remedy}.`,
		{
			executable: executable?.real ?? request.executable,
			key: "allowedExecutables",
		},
	);
}

/** A program that every user can replace is not the program that was allowed (CWE-732). */
function refuseUnsafeLocation({ found, real, mode }: Executable): void {
	if (process.platform === "win32") return;
	const path =
		mode & 0o002
			? real
			: [real, ...linksOf(found)].flatMap(ancestors).find(isOpenToAll);
	if (path === undefined) return;
	throw violation(
		"unsafe_location",
		`Executable is in an unsafe location: every user can write ${path}`,
		`The user runs: chmod o-w ${path}`,
		{ executable: real, path },
	);
}

/** A path and the links that it leads through, one after the other, to the real file. */
function linksOf(path: string): string[] {
	try {
		return [path, ...linksOf(resolve(dirname(path), readlinkSync(path)))];
	} catch {
		return [path];
	}
}

function ancestors(path: string): string[] {
	const parent = dirname(path);
	return parent === path ? [] : [parent, ...ancestors(parent)];
}

function isOpenToAll(folder: string): boolean {
	const mode = statSync(folder, { throwIfNoEntry: false })?.mode ?? 0;
	return (mode & 0o002) !== 0 && (mode & 0o1000) === 0;
}

const argumentsLayer: Layer = {
	name: "arguments",
	check({ request, executable, rules = [], policy }) {
		const { config, blockedArguments, rulePatterns } = policy;
		const own = rules.map(({ index }) => rulePatterns.get(index));
		const validation = validationOf(rules) ?? config.argumentValidation;
		for (const patterns of own.length > 0 ? own : [undefined]) {
			checkArguments(request.args, {
				validation,
				maxCount: config.maxArgumentCount,
				maxLength: config.maxArgumentLength,
				blocked: [...blockedArguments, ...(patterns?.blocked ?? [])],
				allowed: patterns?.allowed,
				batchFile:
					process.platform === "win32" &&
					/\.(cmd|bat)[. ]*$/i.test(executable?.real ?? ""),
			});
		}
		return `${request.args.length} arguments, ${validation}`;
	},
};

/** The strictest validation that a rule sets; undefined where none sets any. */
function validationOf(rules: readonly AllowRule[]) {
	const set = rules.flatMap((rule) => rule.argumentValidation ?? []);
	return set.includes("strict") ? "strict" : set[0];
}

/** What is asked of every program of a launch: the one that is started and those behind wrappers. */
export const EXECUTABLE_LAYERS: readonly Layer[] = [
	resolveLayer,
	dangerousLayer,
	shellLayer(() => EXECUTABLE_LAYERS),
	privilegeLayer,
	allowlistLayer,
	argumentsLayer,
];
