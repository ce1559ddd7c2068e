import { statSync } from "node:fs";
import { dirname } from "node:path";
import { ProcessError, violation } from "../errors.ts";
import { isListed, matchingRule } from "./allowlist.ts";
import { checkArguments } from "./arguments.ts";
import type { Attempt, Layer } from "./attempt.ts";
import { intendedDirectory } from "./directory.ts";
import {
	type Executable,
	findExecutable,
	judgedNames,
	multiCallAsItself,
	programName,
	withoutVersion,
} from "./executable.ts";
import { isDangerousName, isShellName } from "./names.ts";
import { codeVariables } from "./policy.ts";
import { innerCommand, isWrapper } from "./wrapper.ts";

const MAX_WRAPPERS = 8;

const resolveLayer: Layer = {
	name: "resolve",
	check(attempt) {
		const { request, policy } = attempt;
		attempt.executable = findExecutable(
			request.executable,
			policy.searchPath,
			intendedDirectory(
				request.cwd,
				policy.directories,
				policy.server.directory,
			),
		);
	},
};

const dangerousLayer: Layer = {
	name: "dangerous",
	check({ request, executable, policy }) {
		const { server, config } = policy;
		const names = judgedNames(request.executable, executable);
		const self =
			executable !== undefined &&
			executable.device === server.self?.device &&
			executable.inode === server.self.inode;
		const blocked = config.additionalBlockedExecutables.map(programName);
		const additional = names.find((name) => blocked.includes(name));
		const name = names.find(isDangerousName) ?? additional;
		if (name === undefined && !self) return;
		throw violation(
			"dangerous_executable",
			`Executable is blocked for security reasons: ${describe(request.executable, executable)}${self ? " is this server's own program" : name === programName(request.executable) ? "" : ` is ${name}`}`,
			additional === undefined || self
				? "It can't be allowed. Reach the goal with another program, or ask the user to run it."
				: "Use another program; or the user takes it out of additionalBlockedExecutables.",
			{ executable: executable?.real ?? request.executable },
		);
	},
};

const shellLayer: Layer = {
	name: "shell",
	check(attempt) {
		const { request, executable, policy } = attempt;
		const names = judgedNames(request.executable, executable);
		if (policy.config.blockShellInterpreters)
			refuseShell(names, request.executable, executable);
		const wrapper = names.find(isWrapper);
		if (wrapper !== undefined) judgeInner(wrapper, attempt);
	},
};

function refuseShell(
	names: readonly string[],
	requested: string,
	executable: Executable | undefined,
): void {
	const shown = describe(requested, executable);
	if (names.some(isShellName) || names.map(withoutVersion).some(isShellName))
		throw shellViolation(shown);
	if (multiCallAsItself(executable) !== undefined)
		throw shellViolation(
			`${shown} runs whatever applet its arguments name; start the applet by its own name`,
		);
}

function shellViolation(what: string): ProcessError {
	return violation(
		"shell_interpreter",
		`Shell interpreters are blocked: ${what}`,
		"Start the program itself, its arguments as a list. If a shell is really needed, the user sets blockShellInterpreters to false and adds it to allowedExecutables.",
		{ key: "blockShellInterpreters" },
	);
}

/** A program that starts another one is allowed no more than that other one is. */
function judgeInner(wrapper: string, attempt: Attempt): void {
	const { request, depth } = attempt;
	const inner = innerCommand(wrapper, request.args);
	if (inner.kind === "none") return;
	if (inner.kind === "opaque" || depth >= MAX_WRAPPERS) {
		throw shellViolation(
			inner.kind === "opaque"
				? inner.reason
				: "too many wrappers in one launch",
		);
	}
	const code = codeVariables(inner.env);
	if (code.length > 0) {
		throw violation(
			"env_var_injection",
			`${wrapper} would set ${code.join(", ")}, which can make a program load or run something else`,
			"Leave the variable out.",
		);
	}
	const nested: Attempt = {
		...attempt,
		request: { ...request, executable: inner.executable, args: inner.args },
		depth: depth + 1,
	};
	for (const layer of EXECUTABLE_LAYERS) layer.check(nested);
}

const privilegeLayer: Layer = {
	name: "privilege",
	check({ request, executable, policy, probes }) {
		if (!executable || !policy.config.blockSetuidExecutables) return;
		// S_ISUID and S_ISGID, inode(7).
		const bits = (executable.mode & 0o6000) !== 0;
		if (!bits && !probes.hasCapabilities(executable.real)) return;
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
		const { rules, searchPath } = policy;
		if (!executable) {
			if (isListed(request.executable, rules))
				throw notFound(request.executable);
			throw notAllowed(attempt);
		}
		const rule = matchingRule(executable, rules, searchPath);
		if (!rule) throw notAllowed(attempt);
		refuseUnsafeLocation(executable);
		attempt.rule = rule;
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
	return violation(
		"not_in_allowlist",
		`Executable not in allowlist: ${describe(request.executable, executable)}`,
		`${allowed.length > 0 ? `Use an allowed one (${shown}${more})` : "Nothing is allowed yet"}; or the user adds ${JSON.stringify(request.executable)} to ${where}.`,
		{
			executable: executable?.real ?? request.executable,
			key: "allowedExecutables",
		},
	);
}

/** A program that every user can replace is not the program that was allowed (CWE-732). */
function refuseUnsafeLocation({ found, real, mode }: Executable): void {
	if (process.platform === "win32") return;
	const folder = [dirname(real), dirname(found)].find(isOpenToAll);
	if (!(mode & 0o002) && folder === undefined) return;
	const path = mode & 0o002 ? real : folder;
	throw violation(
		"unsafe_location",
		`Executable is in an unsafe location: every user can write ${path}`,
		`The user runs: chmod o-w ${path}`,
		{ executable: real, path },
	);
}

function isOpenToAll(folder: string): boolean {
	const mode = statSync(folder, { throwIfNoEntry: false })?.mode ?? 0;
	return (mode & 0o002) !== 0 && (mode & 0o1000) === 0;
}

const argumentsLayer: Layer = {
	name: "arguments",
	check({ request, executable, rule, policy }) {
		const { config, blockedArguments, rulePatterns } = policy;
		const own = rule && rulePatterns.get(rule.index);
		checkArguments(request.args, {
			validation: rule?.argumentValidation ?? config.argumentValidation,
			maxCount: config.maxArgumentCount,
			maxLength: config.maxArgumentLength,
			blocked: [...blockedArguments, ...(own?.blocked ?? [])],
			allowed: own?.allowed,
			batchFile:
				process.platform === "win32" &&
				/\.(cmd|bat)[. ]*$/i.test(executable?.real ?? ""),
		});
	},
};

/** What is asked of every program of a launch: the one that is started and those behind wrappers. */
export const EXECUTABLE_LAYERS: readonly Layer[] = [
	resolveLayer,
	dangerousLayer,
	shellLayer,
	privilegeLayer,
	allowlistLayer,
	argumentsLayer,
];

function describe(
	requested: string,
	executable: Executable | undefined,
): string {
	const real = executable?.real;
	const shown = JSON.stringify(requested);
	return real === undefined || real === requested
		? shown
		: `${shown} (${real})`;
}
