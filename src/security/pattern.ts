import { RE2JS } from "re2js";

/** A user's regular expression. */
export interface Pattern {
	readonly source: string;
	/** The setting in which it stands. */
	readonly key: string;
	isFoundIn(text: string): boolean;
	isWhole(text: string): boolean;
}

/**
 * Compiles a regular expression on an engine whose time is linear in the text
 * (RE2), so that no pattern and no argument can hold the server up.
 *
 * @throws Error on a pattern that RE2 does not take (a look-ahead, a back-reference)
 */
export function compilePattern(source: string, key: string): Pattern {
	const compiled = RE2JS.compile(source);
	return {
		source,
		key,
		isFoundIn: (text) => compiled.matcher(text).find(),
		isWhole: (text) => compiled.matches(text),
	};
}

/** Where a pattern was found, as indices into the text. */
export interface Found {
	readonly start: number;
	readonly end: number;
}

/** A regular expression that is looked for in text; `^` and `$` are the ends of lines. */
export interface SearchPattern {
	/** The first place from `from` on; what stands before it counts for `^` and `\b`. */
	find(text: string, from: number): Found | undefined;
}

/** Characters of a pattern that an agent gives: compiling takes time as well. */
export const LONGEST_PATTERN = 1000;

/** @throws Error on a pattern that RE2 does not take */
export function compileSearch(source: string): SearchPattern {
	const compiled = RE2JS.compile(source, RE2JS.MULTILINE);
	return {
		find(text, from) {
			const matcher = compiled.matcher(text);
			return matcher.find(from)
				? { start: matcher.start(), end: matcher.end() }
				: undefined;
		},
	};
}
