import { describe, expect, it } from "bun:test";
import { join } from "node:path";
import { divide, PARTS, type Part, stale } from "./parts.ts";
import { testFiles } from "./suite.ts";

const FILES = testFiles(join(import.meta.dir, ".."));

const part = (name: string, ...files: readonly string[]): Part => ({
	name,
	reason: "made up",
	files,
	runs: "beside",
});

describe("the suite's parts", () => {
	it("have every test file, and each once", () => {
		expect(FILES).toContain("suite/parts.test.ts");
		const divided = [...divide(FILES, PARTS).values()].flat();
		expect(divided.toSorted()).toEqual(FILES);
	});

	it("name no file that isn't there", () => {
		expect(stale(FILES, PARTS)).toEqual([]);
		expect(stale(["a/b.test.ts"], [part("a", "a/*", "c/*")])).toEqual(["c/*"]);
	});

	it("let a new file run alone", () => {
		const divided = divide(["e2e/new.test.ts", "new/new.test.ts"], PARTS);
		const [found, ...more] = [...divided].filter(([, files]) => files.length);
		expect(more).toEqual([]);
		expect(found?.[0].runs).toBe("alone");
		expect(found?.[1]).toHaveLength(2);
	});

	it("can't have a file twice", () => {
		const twice = [part("first", "a/*"), part("second", "a/b*"), part("rest")];
		expect(() => divide(["a/b.test.ts"], twice)).toThrow(
			"a/b.test.ts is in first, second",
		);
		expect(
			divide(["a/c.test.ts"], twice).get(twice[0] ?? part("none")),
		).toEqual(["a/c.test.ts"]);
	});

	it("have names of their own", () => {
		expect(new Set(PARTS.map(({ name }) => name)).size).toBe(PARTS.length);
	});
});
