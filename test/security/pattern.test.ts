import { describe, expect, it } from "bun:test";
import { compilePattern } from "../../src/security/pattern.ts";

describe("a pattern", () => {
	it("is found in a part, and matches a whole", () => {
		const pattern = compilePattern("a|ab", "key");
		expect(pattern.isFoundIn("xabx")).toBe(true);
		expect(pattern.isFoundIn("x")).toBe(false);
		expect(pattern.isWhole("ab")).toBe(true);
		expect(pattern.isWhole("abx")).toBe(false);
		expect(pattern.isWhole("xab")).toBe(false);
		expect([pattern.source, pattern.key]).toEqual(["a|ab", "key"]);
	});

	it("is not led past its end by a newline", () => {
		const pattern = compilePattern("^status$", "key");
		expect(pattern.isWhole("status")).toBe(true);
		expect(pattern.isWhole("status\n")).toBe(false);
		expect(pattern.isWhole("status\npush")).toBe(false);
		expect(compilePattern("[a-z]+", "key").isWhole("a\nb")).toBe(false);
		expect(compilePattern("^push$", "key").isFoundIn("x\npush")).toBe(false);
	});

	it("keeps no state between two uses", () => {
		const pattern = compilePattern("a", "key");
		for (let use = 0; use < 3; use++)
			expect([pattern.isFoundIn("ba"), pattern.isWhole("a")]).toEqual([
				true,
				true,
			]);
	});

	it.each(["(", "[a", "a{2,1}", "(?=a)", "(?<!a)b", "(a)\\1", "*"])(
		"that RE2 does not take is refused: %j",
		(source) => {
			expect(() => compilePattern(source, "key")).toThrow();
		},
	);

	// A backtracking engine would need longer than the universe has existed.
	it("takes time linear to the text", () => {
		const text = `${"a".repeat(32_000)}!`;
		for (const source of [
			"(a+)+$",
			"(a|aa)+$",
			"(.*)*x",
			"^(([a-z])+.)+[A-Z]$",
		]) {
			const pattern = compilePattern(source, "key");
			expect(pattern.isWhole(text)).toBe(false);
			expect(pattern.isFoundIn(text)).toBe(false);
		}
	});
});
