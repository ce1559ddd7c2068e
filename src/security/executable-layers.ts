import { readlinkSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { ProcessError, shorten, violation } from "../errors.ts";
import { type AllowRule, isListed, matchingRules, means } from "./allowlist.ts";
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
import { quote } from "./quote.ts";
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
		if (!found)
			return `${isDirectory(attempt) ? "a directory" : "no such file"}; it is judged by its name`;
		return found.found === found.real
			? found.real
			: `${found.found}, really ${found.real}`;
	},
};

/** Whether a path that leads to no program leads to a directory. */
function isDirectory(attempt: Attempt): boolean {
	const { executable } = attempt.request;
	if (isBareName(executable) || executable.includes("\0")) return false;
	try {
		return statSync(resolve(directoryOf(attempt), executable)).isDirectory();
	} catch {
		return false;
	}
}

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
		const added = config.additionalBlockedExecutables;
		const isAdded =
			names.some((name) =>
				added.map((entry) => programName(entry)).includes(name),
			) ||
			(executable &&
				added.some((entry) => means(entry, executable, policy.searchPath)));
		if (!isAdded) return "not a known danger";
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
		if (!executable) return "nothing to look at";
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
				throw notFound(attempt);
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

function notFound(attempt: Attempt): ProcessError {
	const name = attempt.request.executable;
	if (isDirectory(attempt))
		return new ProcessError(
			"EXECUTABLE_NOT_FOUND",
			`Executable not found: ${JSON.stringify(name)} is a directory`,
			"Name the program's file; give a directory to run in as cwd.",
			{ executable: name },
		);
	return new ProcessError(
		"EXECUTABLE_NOT_FOUND",
		`Executable not found: ${JSON.stringify(name)} is allowed, but there is no such file in the server's PATH or at that path`,
		"Check the name. The user installs the program, or starts the server with a PATH that has it; a project's own tools run through its package runner (npx NAME), or by their path where that is allowed.",
		{ executable: name },
	);
}

function notAllowed(attempt: Attempt): ProcessError {
	const { request, executable } = attempt;
	return violation(
		"not_in_allowlist",
		`Executable not in allowlist: ${describe(request.executable, executable)}`,
		remedy(attempt),
		{
			executable: executable?.real ?? request.executable,
			key: "allowedExecutables",
		},
	);
}

function remedy(attempt: Attempt): string {
	const { request, executable, policy } = attempt;
	const { rules, configured, searchPath, locate } = policy;
	if (!configured)
		return "Nothing is allowed, as there is no configuration. The user writes one with mcp-process --create-config PATH and starts the server with --config PATH.";
	const [first = "", ...words] = request.executable.trim().split(/\s+/);
	if (!executable && words.length > 0 && findExecutable(first, searchPath, "/"))
		return `executable is one program without its arguments: executable ${quote(first)}, args [${shorten(words.map(quote).join(", "), 200)}], an array of strings.`;
	const allowed = rules
		.map((rule) => rule.executable)
		.filter(
			(entry) => !isBareName(entry) || findExecutable(entry, searchPath, "/"),
		);
	const shown = allowed.slice(0, MOST_SHOWN).join(", ");
	const more =
		allowed.length > MOST_SHOWN
			? ` and ${allowed.length - MOST_SHOWN} more`
			: "";
	const listed = rules.map((rule) => rule.executable).join(", ");
	const nothing =
		listed === ""
			? "Nothing is allowed yet"
			: `Of what is allowed nothing is there (${shorten(listed, 200)})`;
	const use = shown === "" ? nothing : `Use an allowed one (${shown}${more})`;
	if (!executable && isBareName(request.executable))
		return `${use}; the server's PATH has no ${quote(request.executable)}: where that is a program, the user installs it and adds it to allowedExecutables (${locate(["allowedExecutables"])}).`;
	const entry = isBareName(request.executable)
		? request.executable
		: executable?.found;
	return entry === undefined
		? `${use}; ${isDirectory(attempt) ? `${quote(request.executable)} is a directory` : "there is no such file"}.`
		: `${use}; or the user adds ${quote(entry)} to allowedExecutables (${locate(["allowedExecutables"])}).`;
}

/** Entries of the allowlist that a refusal names. */
const MOST_SHOWN = 40;

/** A program that every user can replace is not the program that was allowed (CWE-732). */
function refuseUnsafeLocation({ found, real, mode }: Executable): void {
	if (process.platform === "win32") return;
	// A path that is its own real one leads through no links.
	const links = found === real ? [] : linksOf(found);
	const folders = new Set([real, ...links].flatMap(ancestors));
	const path = mode & 0o002 ? real : [...folders].find(isOpenToAll);
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
		return `${validation}; ${request.args.length} of at most ${config.maxArgumentCount}`;
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
