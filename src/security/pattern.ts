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
