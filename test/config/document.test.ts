import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import {
	DocumentError,
	formatPath,
	parseDocument,
} from "../../src/config/document.ts";

function fault(text: string): DocumentError {
	try {
		parseDocument(text);
	} catch (error) {
		if (error instanceof DocumentError) return error;
		throw error;
	}
	throw new Error(`${text} was parsed`);
}

describe("parseDocument", () => {
	it("reads what JSON.stringify writes", () => {
		fc.assert(
			fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
				const text = JSON.stringify(value);
				fc.pre(!text.includes("__proto__"));
				expect(parseDocument(text).value).toEqual(JSON.parse(text));
			}),
		);
	});

	it("takes comments, trailing commas and a byte order mark", () => {
		const text = `\uFEFF// one
		{ /* two */ "a": [1, 2,], // three
		  "b": "// not a comment", }`;
		expect(parseDocument(text).value).toEqual({
			a: [1, 2],
			b: "// not a comment",
		});
	});

	it.each([
		["", 1],
		["   \n", 2],
		["// only a comment", 1],
		["{", 1],
		['{\n "a": 1,\n "b" 2\n}', 3],
		['{\n"a": 1\n"b": 2\n}', 3],
		["{,}", 1],
		["{} {}", 1],
		["nul", 1],
		["{'a': 1}", 1],
		['{\n"a": undefined\n}', 2],
		['{\n"a": "x\ny"\n}', 2],
		['{ "a": 1 } /* never closed', 1],
	])("refuses %j, and says on which line", (text, line) => {
		const { message, line: at } = fault(text);
		expect(message).toStartWith("not valid JSON");
		expect(at).toBe(line);
	});

	it("counts lines after a byte order mark and with Windows line ends", () => {
		expect(fault('\uFEFF{\r\n"a": 1,\r\n!\r\n}').line).toBe(3);
	});

	it.each([
		['{"a": 1,\n"a": 1}', 2, "a: given twice"],
		['{"a": 1,\n"\\u0061": 2}', 2, "a: given twice"],
		['[{"x": {\n"y": 1,\n"y": 2}}]', 3, "y: given twice"],
	])("refuses a key given twice: %j", (text, line, message) => {
		expect(fault(text)).toMatchObject({ line, message });
	});

	it("takes the same key in different objects", () => {
		expect(parseDocument('[{"a": 1}, {"a": 2}]').value).toEqual([
			{ a: 1 },
			{ a: 2 },
		]);
	});

	it.each([
		'{"__proto__": {"allowedExecutables": ["sh"]}}',
		'{"a": [{\n"__proto__": 1}]}',
		'{"\\u005f_proto__": 1}',
	])("refuses __proto__ wherever it stands: %j", (text) => {
		expect(fault(text).message).toBe("__proto__: unknown key");
	});

	it("keeps keys that objects have of themselves as plain keys", () => {
		const { value } = parseDocument('{"constructor": 1, "toString": 2}');
		expect(Object.entries(value as object)).toEqual([
			["constructor", 1],
			["toString", 2],
		]);
	});

	it("refuses nesting that no configuration has as an error of the document", () => {
		expect(fault("[".repeat(200_000)).message).toStartWith("not valid JSON");
	});
});

describe("lineOf", () => {
	const document = parseDocument(`{
		"a": 1,
		"list": [
			"x",
			{ "executable": "node",
			  "env": {
			    "A": "1" } }
		]
	}`);

	it.each([
		[["a"], 2],
		[["list"], 3],
		[["list", 0], 4],
		[["list", 1], 5],
		[["list", 1, "env", "A"], 7],
	] as [(string | number)[], number][])("finds %j", (path, line) => {
		expect(document.lineOf(path)).toBe(line);
	});

	it("gives the nearest enclosing place of what is not there", () => {
		expect(document.lineOf(["list", 1, "env", "missing"])).toBe(6);
		expect(document.lineOf(["list", 9])).toBe(3);
		expect(document.lineOf(["missing"])).toBeUndefined();
		expect(document.lineOf([])).toBe(1);
		expect(document.lineOf([])).toBe(1);
	});
});

describe("formatPath", () => {
	it("writes a path as a person does", () => {
		expect(formatPath(["allowedExecutables", 2, "env", "A"])).toBe(
			"allowedExecutables[2].env.A",
		);
		expect(formatPath([])).toBe("");
	});
});
