import { ProcessError, violation } from "../errors.ts";
import { isNamedAsFound } from "./allowlist.ts";
import type { Attempt, CheckRequest, Layer } from "./attempt.ts";
import type { BuiltEnvironment } from "./environment.ts";
import { type Executable, programName } from "./executable.ts";
import { CONFIRMATION } from "./explanation.ts";
import { LAYERS, STANDING_LAYERS } from "./layers.ts";
import { withPlace } from "./place.ts";
import type { Limits } from "./resources.ts";
import { isWrapper } from "./wrapper.ts";

/** An attempt that every layer passed. */
export interface Passed extends Attempt {
	readonly executable: Executable;
	readonly built: BuiltEnvironment;
	readonly cwd: string;
	readonly limits: Limits;
	readonly check?: Passed;
}

/** @throws ProcessError of the first layer that refuses */
export function judge(attempt: Attempt, layers = LAYERS): Passed {
	for (const layer of layers) runLayer(layer, attempt);
	if (!isPassed(attempt))
		throw new Error("a layer passed a launch without judging it");
	const { check } = attempt.request;
	return check ? { ...attempt, check: judgeCheck(check, attempt) } : attempt;
}

/** A check has the directory, the environment and the limits of what it checks, and is no launch that counts. */
function judgeCheck({ executable, args }: CheckRequest, of: Passed): Passed {
	const { request, policy, ledger, probes, now, depth } = of;
	const { cwd, env, resourceLimits, agent } = request;
	const own = { executable, args, cwd, env, resourceLimits, agent };
	try {
		return judge(
			{ request: own, policy, ledger, probes, now, depth },
			STANDING_LAYERS,
		);
	} catch (error) {
		if (!(error instanceof ProcessError)) throw error;
		const { code, message, remediation, details } = error;
		throw new ProcessError(
			code,
			`${message}, which is to check the health of ${of.executable.real}`,
			remediation,
			{ ...details, field: "healthCheck.command" },
		);
	}
}

function isPassed(attempt: Attempt): attempt is Passed {
	const { executable, built, cwd, limits } = attempt;
	return [executable, built, cwd, limits].every((part) => part !== undefined);
}

/** The files behind a wrapper, the outermost first. */
export function innerOf({ inner }: Attempt): readonly Executable[] {
	return inner?.executable ? [inner.executable, ...innerOf(inner)] : [];
}

/**
 * The name that a program gets to hear: the one by which it was found, as a
 * virtual environment or a multi-call program needs it. But some load what lies
 * beside that name, and an agent can make links: where the name is not the
 * allowlist's own, a wrapper or a narrowed program hears its real path.
 */
export function argv0Of({ executable, rules = [], policy }: Passed): string {
	const isNarrowed = rules.some(
		(rule) =>
			rule.allowedArguments ||
			rule.blockedArguments ||
			rule.requireConfirmation,
	);
	const keeps =
		!(isNarrowed || isWrapper(programName(executable.real))) ||
		isNamedAsFound(executable, rules, policy.searchPath);
	return keeps ? executable.found : executable.real;
}

export function runLayer(layer: Layer, attempt: Attempt): void {
	try {
		layer.check(attempt);
	} catch (error) {
		throw withPlace(error, attempt.policy, attempt.rules, layer.name);
	}
}

/** Whether two looks at a path saw the same file with the same content. */
export function isSameFile(one: Executable, other: Executable): boolean {
	return (
		one.real === other.real &&
		one.device === other.device &&
		one.inode === other.inode &&
		one.changed === other.changed
	);
}

/** The files of a launch, those behind wrappers and those of its check included. */
function filesOf(passed: Passed): readonly Executable[] {
	const { executable, check } = passed;
	return [executable, ...innerOf(passed), ...(check ? filesOf(check) : [])];
}

/** Whether two looks at a launch saw the same files. */
function areSameFiles(one: Passed, other: Passed): boolean {
	const others = filesOf(other);
	const files = filesOf(one);
	return (
		files.length === others.length &&
		files.every((file, index) => {
			const twin = others[index];
			return twin !== undefined && isSameFile(file, twin);
		})
	);
}

/** What a user is shown of the program that a launch starts. */
export function shownFiles(passed: Passed) {
	return {
		file: passed.executable.real,
		calledAs: argv0Of(passed),
		inner: innerOf(passed).map(({ real }) => real),
		args: passed.request.args,
	};
}

/** What the user confirmed is what is started, or nothing is. */
export function requireSame(
	now: Passed,
	confirmed: Passed,
	when: "while" | "after",
): void {
	if (now.cwd === confirmed.cwd && areSameFiles(now, confirmed)) return;
	const file = confirmed.executable.real;
	throw violation(
		"unsafe_location",
		`${file} or its directory was changed ${when} the user was asked`,
		"Start it again, and let the user confirm what it is now.",
		{ executable: file, layer: CONFIRMATION },
	);
}
