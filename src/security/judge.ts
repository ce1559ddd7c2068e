import { isNamedAsFound } from "./allowlist.ts";
import type { Attempt, Layer } from "./attempt.ts";
import type { BuiltEnvironment } from "./environment.ts";
import { type Executable, programName } from "./executable.ts";
import { LAYERS } from "./layers.ts";
import { withPlace } from "./place.ts";
import type { Limits } from "./resources.ts";
import { isWrapper } from "./wrapper.ts";

/** An attempt that every layer passed. */
export interface Passed extends Attempt {
	readonly executable: Executable;
	readonly built: BuiltEnvironment;
	readonly cwd: string;
	readonly limits: Limits;
}

/** @throws ProcessError of the first layer that refuses */
export function judge(attempt: Attempt): Passed {
	for (const layer of LAYERS) runLayer(layer, attempt);
	if (!isPassed(attempt))
		throw new Error("a layer passed a launch without judging it");
	return attempt;
}

export function isPassed(attempt: Attempt): attempt is Passed {
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
		isNamedAsFound(executable, rules, policy.searchPath) ||
		!(isNarrowed || isWrapper(programName(executable.real)));
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

/** Whether two looks at a launch saw the same files, those behind wrappers included. */
export function areSameFiles(one: Passed, other: Passed): boolean {
	const others = [other.executable, ...innerOf(other)];
	const files = [one.executable, ...innerOf(one)];
	return (
		files.length === others.length &&
		files.every((file, index) => {
			const twin = others[index];
			return twin !== undefined && isSameFile(file, twin);
		})
	);
}
