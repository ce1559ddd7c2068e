import { describe, expect, it } from "bun:test";
import { splitWords } from "../../src/supervision/words.ts";

describe("a command", () => {
	it.each([
		["node check.js", ["node", "check.js"]],
		["  a \t b  ", ["a", "b"]],
		["a 'b c' \"d e\"", ["a", "b c", "d e"]],
		["a ''", ["a", ""]],
		["a b'c d'e", ["a", "bc de"]],
		["a '$(x) | ;`'", ["a", "$(x) | ;`"]],
		['a "x | y; \\"z\\" \\\\"', ["a", 'x | y; "z" \\']],
		["a b\\ c", ["a", "b c"]],
		["C:\\bin\\a.exe -x", ["C:\\bin\\a.exe", "-x"]],
		[
			"curl -f 'http://localhost/?a=1&b=2'",
			["curl", "-f", "http://localhost/?a=1&b=2"],
		],
		["a *.js ~ {x}", ["a", "*.js", "~", "{x}"]],
	])("%j is split into %j", (command, words) => {
		expect(splitWords(command)).toEqual(words as [string]);
	});

	it.each([
		...["a | b", "a && b", "a; b", "a > b", "a < b", "a `b`", "a $(b)"],
		...["a $HOME", 'a "$HOME"', 'a "`b`"', "(a)", "a\nb"],
	])("%j would need a shell", (command) => {
		expect(() => splitWords(command)).toThrow("would need a shell");
	});

	it.each(["", "  ", "''"])("%j names no program", (command) => {
		expect(() => splitWords(command)).toThrow("names no program");
	});

	it.each(["a 'b", 'a "b'])("%j has an open quote", (command) => {
		expect(() => splitWords(command)).toThrow("is not closed");
	});
});
