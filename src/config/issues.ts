import * as core from "zod/v4/core";
import { shorten } from "../errors.ts";
import { byNearness, nearestKey } from "./nearest-key.ts";

type Issue = core.$ZodIssue;
type Schema = core.$ZodType;

/** Unknown keys that are named, characters of one, and known keys that are listed. */
const MOST_KEYS = 10;
const LONGEST_KEY = 64;
const MOST_LISTED = 20;

/** One thing wrong with a value: where, and what. */
export interface Problem {
	readonly path: readonly (string | number)[];
	readonly message: string;
}

/**
 * A schema's complaint as a person can use it.
 *
 * @param schema what the whole value was checked against, to say what an unknown key may have meant
 */
export function describeIssue(
	issue: Issue,
	schema: Schema,
	parents: Problem["path"] = [],
): Problem[] {
	const path = [...parents, ...issue.path.map(toKey)];
	if (issue.code === "unrecognized_keys")
		return unknownKeys(issue.keys, path, keysAt(schema, path));
	if (issue.code === "invalid_union") {
		const branch = closestBranch(issue.errors);
		if (branch)
			return branch.flatMap((inner) => describeIssue(inner, schema, path));
	}
	return [{ path, message: inWords(issue) }];
}

function inWords(issue: Issue): string {
	if (issue.code === "invalid_type" && / undefined$/.test(issue.message))
		return `is required (${issue.expected})`;
	if (issue.code === "too_small" && issue.origin === "string")
		return issue.minimum === 1 ? "must not be empty" : inItsWords(issue);
	if (issue.code === "too_small" && isNumber(issue))
		return `must be ${issue.inclusive === false ? "above" : "at least"} ${issue.minimum}`;
	if (issue.code === "too_big" && isNumber(issue))
		return `must be ${issue.inclusive === false ? "below" : "at most"} ${issue.maximum}`;
	return inItsWords(issue);
}

function isNumber({ origin }: { readonly origin: string }): boolean {
	return origin === "number" || origin === "int";
}

/** A record is an object to who writes JSON. */
function inItsWords({ message }: Issue): string {
	const plain = message.replace(/^Invalid input: /, "");
	return lowerFirst(plain.replace(/^expected record\b/, "expected object"));
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

/** The keys that a schema knows at a place. */
function keysAt(
	schema: Schema,
	[part, ...rest]: Problem["path"],
): readonly string[] {
	if (schema instanceof core.$ZodObject) {
		const { shape } = schema._zod.def;
		if (part === undefined) return Object.keys(shape);
		const inner = Object.hasOwn(shape, part) ? shape[part] : undefined;
		return inner ? keysAt(inner, rest) : [];
	}
	const path = part === undefined ? [] : [part, ...rest];
	if (schema instanceof core.$ZodArray)
		return keysAt(schema._zod.def.element, rest);
	if (schema instanceof core.$ZodUnion)
		return schema._zod.def.options.flatMap((option) => keysAt(option, path));
	if (
		schema instanceof core.$ZodOptional ||
		schema instanceof core.$ZodDefault ||
		schema instanceof core.$ZodPrefault
	)
		return keysAt(schema._zod.def.innerType, path);
	return [];
}

function unknownKeys(
	keys: readonly string[],
	path: Problem["path"],
	known: readonly string[],
): Problem[] {
	let isListed = false;
	return keys.slice(0, MOST_KEYS).map((key) => {
		const cut = key.slice(0, LONGEST_KEY);
		const meant = nearestKey(cut, known);
		const hint =
			meant !== undefined
				? `; did you mean "${meant}"?`
				: isListed
					? ""
					: listOf(cut, known);
		isListed ||= meant === undefined;
		return {
			path: [...path, shorten(key, LONGEST_KEY)],
			message: `unknown key${hint}`,
		};
	});
}

/** All known keys; where they are many, those that resemble the unknown one most. */
function listOf(key: string, known: readonly string[]): string {
	if (known.length === 0) return "";
	if (known.length <= MOST_LISTED) return `; known are ${known.join(", ")}`;
	const nearest = byNearness(key, known).slice(0, MOST_LISTED);
	const more = known.length - MOST_LISTED;
	return `; known are ${nearest.join(", ")} and ${more} more`;
}

function toKey(part: PropertyKey): string | number {
	return typeof part === "number" ? part : String(part);
}

function lowerFirst(text: string): string {
	return text.slice(0, 1).toLowerCase() + text.slice(1);
}
