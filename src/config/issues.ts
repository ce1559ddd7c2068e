import { distance } from "fastest-levenshtein";
import type { z } from "zod";
import { shorten } from "../errors.ts";

type Issue = z.core.$ZodIssue;

/** Unknown keys that are named, and characters of one. */
const MOST_KEYS = 10;
const LONGEST_KEY = 64;

/** One thing wrong with a value: where, and what. */
export interface Problem {
	readonly path: readonly (string | number)[];
	readonly message: string;
}

/**
 * A schema's complaint as a person can use it.
 *
 * @param keysAt the keys known at a path, to name the nearest one to a mistyped key
 */
export function describeIssue(
	issue: Issue,
	keysAt: (path: Problem["path"]) => readonly string[],
	parents: Problem["path"] = [],
): Problem[] {
	const path = [...parents, ...issue.path.map(toKey)];
	if (issue.code === "unrecognized_keys") {
		return issue.keys.slice(0, MOST_KEYS).map((key) => ({
			path: [...path, shorten(key, LONGEST_KEY)],
			message: unknownKey(key.slice(0, LONGEST_KEY), keysAt(path)),
		}));
	}
	if (issue.code === "invalid_union") {
		const branch = closestBranch(issue.errors);
		if (branch)
			return branch.flatMap((inner) => describeIssue(inner, keysAt, path));
	}
	return [{ path, message: inWords(issue) }];
}

function inWords(issue: Issue): string {
	if (issue.code === "invalid_type" && / undefined$/.test(issue.message))
		return `is required (${issue.expected})`;
	if (issue.code === "too_small" && issue.minimum === 1)
		return issue.origin === "string"
			? "must not be empty"
			: "must be at least 1";
	return lowerFirst(issue.message.replace(/^Invalid input: /, ""));
}

/** The alternative whose own type fits the value, so that its complaint is the one meant. */
function closestBranch(branches: readonly Issue[][]): Issue[] | undefined {
	return branches.find(
		(issues) =>
			!issues.some(
				(issue) =>
					issue.path.length === 0 &&
					(issue.code === "invalid_type" || issue.code === "invalid_value"),
			),
	);
}

function unknownKey(key: string, known: readonly string[]): string {
	const nearest = known.reduce<string | undefined>(
		(best, name) =>
			best === undefined || cost(key, name) < cost(key, best) ? name : best,
		undefined,
	);
	return nearest === undefined
		? "unknown key"
		: `unknown key; did you mean "${nearest}"?`;
}

function cost(a: string, b: string): number {
	return distance(a.toLowerCase(), b.toLowerCase());
}

function toKey(part: PropertyKey): string | number {
	return typeof part === "number" ? part : String(part);
}

function lowerFirst(text: string): string {
	return text.slice(0, 1).toLowerCase() + text.slice(1);
}
