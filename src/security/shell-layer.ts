import { ProcessError, violation } from "../errors.ts";
import { isNamedAsFound, names } from "./allowlist.ts";
import { type Attempt, describe, type Layer } from "./attempt.ts";
import {
	buildEnvironment,
	type Environment,
	removalReason,
} from "./environment.ts";
import {
	isBareName,
	isMultiCall,
	judgedNames,
	multiCallAsItself,
	programName,
	withoutVersion,
} from "./executable.ts";
import { isShellName } from "./names.ts";
import { quote } from "./quote.ts";
import { interpreterOf, isLoadable } from "./script.ts";
import { innerCommand, isWrapper } from "./wrapper.ts";

const MAX_WRAPPERS = 8;

/**
 * Refuses shells, and judges a program that starts another one by that other one.
 *
 * @param inner the layers that a program behind a wrapper has to pass
 */
export function shellLayer(inner: () => readonly Layer[]): Layer {
	return {
		name: "shell",
		check(attempt) {
			const { request, executable, policy } = attempt;
			const judged = judgedNames(request.executable, executable);
			if (policy.config.blockShellInterpreters) refuseShell(judged, attempt);
			const wrapper = wrapperOf(judged, attempt);
			return wrapper === undefined
				? "not a shell"
				: judgeInner(wrapper, attempt, inner());
		},
	};
}

/**
 * The wrapper that a program is. Its file tells, and only of a multi-call
 * program the name by which it is called: a link named timeout to env is env.
 */
function wrapperOf(
	judged: readonly string[],
	{ request, executable }: Attempt,
): string | undefined {
	const wrappers = judged.filter(isWrapper);
	if (wrappers.length === 0 || !executable || isMultiCall(executable))
		return wrappers[0];
	const own = programName(executable.real);
	if (wrappers.every((name) => name === own)) return own;
	throw unjudgeable(
		`${describe(request.executable, executable)} is called by another name than its own`,
	);
}

function refuseShell(judged: readonly string[], attempt: Attempt): void {
	const { request, executable } = attempt;
	const shown = describe(request.executable, executable);
	if (judged.some(isShell)) throw shellViolation(shown);
	if (multiCallAsItself(executable) !== undefined)
		throw shellViolation(
			`${shown} runs whatever applet its arguments name; start the applet by its own name`,
		);
	const script = executable && interpreterOf(executable.real);
	if (!script || !isShell(script.name) || isNamedExactly(attempt)) return;
	throw violation(
		"shell_interpreter",
		`Shell interpreters are blocked: ${shown} is a script for ${isWrapper(programName(script.path)) ? `${script.name}, which ${script.path} starts` : script.path}`,
		`Start the programs that the script starts. If this script is meant, the user adds its own path, ${JSON.stringify(executable.found)}, to allowedExecutables: a glob does not allow shell scripts.`,
		{ key: "allowedExecutables", executable: executable.real },
	);
}

function isShell(name: string): boolean {
	return isShellName(name) || isShellName(withoutVersion(name));
}

/** Whether the user wrote this very file's name: then a script is what was meant, whatever runs it. */
function isNamedExactly({ executable, policy }: Attempt): boolean {
	if (!executable) return false;
	const { found, real } = executable;
	return policy.rules.some(({ executable: entry }) =>
		isBareName(entry)
			? names(entry, executable, policy.searchPath)
			: entry === found || entry === real,
	);
}

function shellViolation(what: string) {
	return violation(
		"shell_interpreter",
		`Shell interpreters are blocked: ${what}`,
		"Start the program itself, its arguments as a list; for a | b give both to a group of process_create_group with pipeline: true. If a shell is really needed, the user sets blockShellInterpreters to false and adds it to allowedExecutables.",
		{ key: "blockShellInterpreters" },
	);
}

/** A program that starts another one is allowed no more than that other one is. */
function judgeInner(
	wrapper: string,
	attempt: Attempt,
	layers: readonly Layer[],
): string {
	const { request, depth } = attempt;
	const inner = innerCommand(wrapper, request.args);
	if (inner.kind === "none") return `${wrapper} starts nothing`;
	if (inner.kind === "opaque" || depth >= MAX_WRAPPERS) {
		throw unjudgeable(
			inner.kind === "opaque"
				? inner.reason
				: "too many wrappers in one launch",
		);
	}
	checkAssignments(wrapper, inner.env, attempt);
	const nested: Attempt = {
		...attempt,
		request: { ...request, executable: inner.executable, args: inner.args },
		depth: depth + 1,
	};
	try {
		for (const layer of layers) layer.check(nested);
	} catch (error) {
		throw innerRefusal(error, wrapper);
	}
	refuseMovable(wrapper, nested);
	if (inner.isOpen) refuseUnjudged(wrapper, nested);
	if (inner.changesEnv && setsEnv(nested))
		throw unjudgeable(
			`${wrapper} changes the environment that the rule for ${inner.executable} sets`,
		);
	attempt.inner = nested;
	return `${wrapper} starts ${describe(inner.executable, nested.executable)}, which is allowed`;
}

/** Whether a rule of a program, or of one that it wraps, sets variables. */
function setsEnv({ rules = [], inner }: Attempt): boolean {
	return rules.some((rule) => rule.env) || (inner ? setsEnv(inner) : false);
}

/**
 * The wrapper looks for its program again, later and in its own way: it has to
 * be named so that no link and no working directory can turn the name elsewhere
 * meanwhile, and be a file that the system itself can start, as execvp(3) gives
 * any other to a shell.
 */
function refuseMovable(wrapper: string, nested: Attempt): void {
	const { request, executable, rules = [], policy } = nested;
	if (!executable) return;
	const isFixed =
		isBareName(request.executable) ||
		(request.executable === executable.real &&
			isNamedAsFound(executable, rules, policy.searchPath));
	if (!isFixed)
		throw unjudgeable(
			`${wrapper} would look for ${quote(request.executable)} again; name it by its bare name or its real path`,
		);
	if (policy.config.blockShellInterpreters && !isLoadable(executable.real))
		throw unjudgeable(
			`${wrapper} would give ${quote(executable.real)}, which is no program, to a shell`,
		);
}

/** Variables that a wrapper sets are held to what holds for a request's, but can't be removed. */
function checkAssignments(
	wrapper: string,
	env: Environment,
	{ policy }: Attempt,
): void {
	const { config, inherited } = policy;
	buildEnvironment(env, {}, config, { inherited, path: "" });
	const refused = Object.keys(env).flatMap((name) => {
		const reason = removalReason(name, config.additionalBlockedEnvVars);
		return reason === undefined ? [] : [`${name}: ${reason}`];
	});
	if (refused.length === 0) return;
	throw violation(
		"env_var_injection",
		`${wrapper} would set ${refused.join("; ")}`,
		"Leave the variable out.",
	);
}

/** What is known of arguments says nothing of those that come from elsewhere. */
function refuseUnjudged(wrapper: string, nested: Attempt): void {
	const { request, executable, rules = [], policy } = nested;
	if (judgedNames(request.executable, executable).some(isWrapper))
		throw unjudgeable(
			`${wrapper} could add the program that ${request.executable} starts`,
		);
	const own = rules.map(({ index }) => policy.rulePatterns.get(index));
	const isPatterned =
		policy.blockedArguments.length > 0 ||
		own.some((patterns) => patterns?.allowed || patterns?.blocked.length);
	if (isPatterned)
		throw unjudgeable(
			`${wrapper} adds arguments that can't be held against the patterns for ${request.executable}`,
		);
}

function unjudgeable(reason: string) {
	return violation(
		"shell_interpreter",
		`Shell interpreters are blocked: ${reason}`,
		"Start the inner program itself, its arguments as a list.",
	);
}

/** The refusal of a program that a wrapper would start, which says so. */
function innerRefusal(error: unknown, wrapper: string): unknown {
	if (!(error instanceof ProcessError)) return error;
	const { code, message, remediation, details } = error;
	return new ProcessError(
		code,
		`${message}, which ${wrapper} would start`,
		remediation,
		details,
	);
}
