import { describe, expect, it } from "bun:test";
import { readLines } from "../../src/process/lines.ts";
import { OutputRing } from "../../src/process/output.ts";
import { compileSearch } from "../../src/security/pattern.ts";

const STEP = 16 * 1024;

function ringOf(text: string): OutputRing {
	const ring = new OutputRing(1_000_000);
	ring.append(new TextEncoder().encode(text));
	ring.finish();
	return ring;
}

async function matches(text: string, pattern: string) {
	const { stdout } = await readLines(
		{ stdout: ringOf(text), stderr: ringOf("") },
		{ stream: "stdout", encoding: "utf-8", maxBytes: 500_000 },
		compileSearch(pattern),
		new AbortController().signal,
	);
	return stdout.split("\n").slice(0, -1);
}

/** How much is the line's number and text, for a line without an end in a message. */
const sizes = (lines: readonly string[]) =>
	lines.map((line) => [Number.parseInt(line, 10), line.length > 1000]);

describe("the lines that match", () => {
	it.each(Array.from({ length: 24 }, (_, shift) => STEP - 12 + shift))(
		"have a match across the parts of a long line, once, with %d bytes before it",
		async (before) => {
			const text = `first\n${"a".repeat(before - 6)}MARKER${"b".repeat(30_000)}\nlast MARKER\n`;
			expect(sizes(await matches(text, "MARKER"))).toEqual([
				[2, true],
				[3, false],
			]);
		},
	);

	it("have one in the overlap of two parts of a long line once", async () => {
		const text = `${"a".repeat(STEP - 2000)}MARKER${"b".repeat(30_000)}\n`;
		expect(sizes(await matches(text, "MARKER"))).toEqual([[1, true]]);
	});

	it("have a character that two parts share", async () => {
		for (let shift = 0; shift < 4; shift++) {
			const text = `${"a".repeat(STEP - 4096 - shift)}${"ü€😀".repeat(4000)}MARKER\n`;
			expect(sizes(await matches(text, "😀MARKER$"))).toEqual([[1, true]]);
		}
	});

	it("have an empty match", async () => {
		expect(await matches("one\n\ntwo\n", "^$")).toEqual(["2:"]);
		expect(sizes(await matches(`${"a".repeat(40_000)}\n`, "x*"))[0]).toEqual([
			1,
			true,
		]);
	});
});
