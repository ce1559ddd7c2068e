import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { OutputRing } from "../../src/process/output.ts";
import { OVERLAP, StreamSearch } from "../../src/process/search.ts";
import { compileSearch } from "../../src/security/pattern.ts";

/** Looks at all that is there. */
function all(search: StreamSearch) {
	while (search.isBehind) {
		const match = search.step();
		if (match) return match;
	}
	return undefined;
}

function searchFor(ring: OutputRing, pattern: string, failPattern?: string) {
	return new StreamSearch(ring, 0, {
		pattern: compileSearch(pattern),
		...(failPattern !== undefined && {
			failPattern: compileSearch(failPattern),
		}),
	});
}

describe("a search", () => {
	it.each([[1], [2], [3], [7], [5000]])(
		"finds what comes in pieces of %d bytes",
		(size) => {
			const ring = new OutputRing(100_000);
			const search = searchFor(ring, "größer als 日本 \\d+ 😀");
			const text = `${"filler ä\n".repeat(3000)}ist grö\x1b[1mßer\x1b[0m als 日本 42 😀 ja\nnext\n`;
			const bytes = Buffer.from(text);
			let found: ReturnType<typeof all>;
			for (let at = 0; at < bytes.length && !found; at += size) {
				ring.append(bytes.subarray(at, at + size));
				found = all(search);
			}
			expect(found?.text).toBe("größer als 日本 42 😀");
		},
	);

	it("ends its match with the line", () => {
		const ring = new OutputRing(1000);
		ring.append(Buffer.from("one\r\n\x1b[31mtwo\x1b[0m three\r\nfour\n"));
		expect(all(searchFor(ring, "tw"))).toEqual({
			name: "pattern",
			text: "tw",
			end: "one\r\n\x1b[31mtwo\x1b[0m three\r\n".length,
			isOpen: false,
		});
	});

	it.each([
		["^b", undefined],
		["\\bb", undefined],
		["b$", "b"],
		["^c$", "c"],
	])("takes %j for what it means from within a line on", (pattern, text) => {
		const ring = new OutputRing(1000);
		ring.append(Buffer.from("ab\nc\n"));
		const search = new StreamSearch(ring, 1, {
			pattern: compileSearch(pattern),
		});
		expect(all(search)?.text).toBe(text as string);
	});

	it("prefers what stands earlier, and failure where both begin together", () => {
		const ring = new OutputRing(1000);
		ring.append(Buffer.from("ok then error\n"));
		expect(all(searchFor(ring, "ok", "error"))?.name).toBe("pattern");
		expect(all(searchFor(ring, "error", "ok"))?.name).toBe("failPattern");
		expect(all(searchFor(ring, "ok", "ok then"))?.name).toBe("failPattern");
	});

	it("says that a match might go on", () => {
		const ring = new OutputRing(1000);
		ring.append(Buffer.from("port 51"));
		const search = searchFor(ring, "port \\d+");
		expect(search.step()).toMatchObject({ text: "port 51", isOpen: true });
		ring.append(Buffer.from("73\n"));
		expect(search.step()).toMatchObject({ text: "port 5173", isOpen: false });
	});

	it("looks at no byte again and again", () => {
		let looked = 0;
		const ring = new OutputRing(10 ** 6);
		const search = new StreamSearch(ring, 0, {
			pattern: {
				find(text) {
					looked += text.length;
					return undefined;
				},
			},
		});
		for (let index = 0; index < 1000; index++) {
			ring.append(new Uint8Array(1000).fill(0x61));
			all(search);
		}
		expect(looked).toBeLessThan(1000 * (1000 + OVERLAP + 1) + 1);
	});

	it("finds a match of up to its bound wherever pieces end", () => {
		fc.assert(
			fc.property(
				fc.nat({ max: 40_000 }),
				fc.integer({ min: 1, max: 4000 }),
				(before, length) => {
					const ring = new OutputRing(10 ** 6);
					const text = `${"x".repeat(before)}<${"y".repeat(length)}>`;
					ring.append(Buffer.from(text));
					expect(all(searchFor(ring, "<y*>"))?.text).toHaveLength(length + 2);
				},
			),
			{ numRuns: 50 },
		);
	});

	it.each([["(a+)+$"], ["(a|a)*b"], ["(.*)*x"], ["((a{0,30}){0,30})c"]])(
		"is done with %s in a time that grows with the text alone",
		(pattern) => {
			const ring = new OutputRing(10 ** 6);
			ring.append(Buffer.from(`${"a".repeat(200_000)}!\n`));
			const start = performance.now();
			expect(all(searchFor(ring, pattern))?.name).toBeUndefined();
			expect(performance.now() - start).toBeLessThan(10_000);
		},
	);
});
