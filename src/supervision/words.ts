import { ProcessError } from "../errors.ts";

/** What a shell would act on, outside quotes and inside double ones. */
const OPERATORS = /[|&;<>()`$\n\r]/;
const EXPANSIONS = /[`$]/;

/**
 * Splits a command into words as a shell would, with single and double quotes and
 * a backslash before a space, a quote or a backslash. Nothing is expanded, and
 * what would need a shell is refused.
 *
 * @throws ProcessError INVALID_ARGUMENT
 */
export function splitWords(command: string): [string, ...string[]] {
	const words: string[] = [];
	let word: string | undefined;
	let quote: string | undefined;
	for (let at = 0; at < command.length; at++) {
		const char = command.charAt(at);
		const next = command.charAt(at + 1);
		const isEscape = quote === '"' ? /["\\]/ : /[\s"'\\]/;
		if (char === "\\" && quote !== "'" && isEscape.test(next)) {
			word = (word ?? "") + next;
			at++;
		} else if (quote === undefined && (char === '"' || char === "'")) {
			quote = char;
			word ??= "";
		} else if (char === quote) {
			quote = undefined;
		} else if (quote === undefined && /[ \t]/.test(char)) {
			if (word !== undefined) words.push(word);
			word = undefined;
		} else {
			if (needsShell(char, quote)) throw refusal(char, command);
			word = (word ?? "") + char;
		}
	}
	if (quote !== undefined)
		throw invalid(`a quote (${quote}) is not closed`, "Close the quote.");
	if (word !== undefined) words.push(word);
	const [first, ...rest] = words;
	if (first) return [first, ...rest];
	throw invalid("names no program", "Give a program and its arguments.");
}

function needsShell(char: string, quote: string | undefined): boolean {
	if (quote === "'") return false;
	return (quote === '"' ? EXPANSIONS : OPERATORS).test(char);
}

function refusal(char: string, command: string): ProcessError {
	return invalid(
		`${JSON.stringify(char)} in ${JSON.stringify(command.slice(0, 200))} would need a shell, and there is none`,
		"Give one program and its arguments; put single quotes around what is meant as it stands.",
	);
}

function invalid(problem: string, remediation: string): ProcessError {
	return new ProcessError(
		"INVALID_ARGUMENT",
		`healthCheck.command: ${problem}`,
		remediation,
		{ field: "healthCheck.command" },
	);
}
