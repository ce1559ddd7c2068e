import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import {
	incompleteTail,
	orphanedHead,
	sequenceLength,
} from "../../src/process/text.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) =>
	new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);

/** Characters of every length, and of every kind that has broken a decoder. */
const SAMPLES = [
	"a",
	"\0",
	"\n",
	"é",
	"ÿ",
	"€",
	"漢",
	"\ufeff",
	"😀",
	"👩‍💻",
	"𝒳",
];

const text = fc
	.array(fc.constantFrom(...SAMPLES), { maxLength: 30 })
	.map((parts) => parts.join(""));

describe("incompleteTail", () => {
	it("counts what a cut leaves of a character", () => {
		fc.assert(
			fc.property(text, fc.nat(), (whole, at) => {
				const bytes = encode(whole);
				const cut = bytes.subarray(0, at % (bytes.length + 1));
				const kept = cut.subarray(0, cut.length - incompleteTail(cut));
				expect(whole.startsWith(decode(kept))).toBe(true);
				// No more is left out than one character would complete.
				expect(cut.length - kept.length).toBeLessThan(4);
				const next = bytes[kept.length];
				if (next !== undefined) expect((next & 0xc0) === 0x80).toBe(false);
			}),
		);
	});

	it("is nothing for whole characters", () => {
		for (const sample of SAMPLES)
			expect(incompleteTail(encode(`${sample}${sample}`))).toBe(0);
		expect(incompleteTail(new Uint8Array(0))).toBe(0);
	});

	it.each([
		["continuation bytes without a beginning", [0x80, 0x80, 0x80, 0x80], 0],
		["bytes that begin nothing", [0x41, 0xff], 0],
		["the overlong beginnings C0 and C1", [0xc0], 0],
		["beginnings past U+10FFFF", [0xf5], 0],
		["a character with a byte too many", [0xc3, 0xa9, 0x80], 0],
		["one byte of two", [0x41, 0xc3], 1],
		["two bytes of three", [0x41, 0xe2, 0x82], 2],
		["three bytes of four", [0xf0, 0x9f, 0x98], 3],
		["a beginning after a beginning", [0xf0, 0xc3], 1],
	])("of %s", (_, bytes, expected) => {
		expect(incompleteTail(Uint8Array.from(bytes))).toBe(expected);
	});

	it("splits any bytes so that their parts decode to what the whole does", () => {
		const bytes = fc.array(
			fc.constantFrom(
				...[0x41, 0x80, 0x9f, 0xa9, 0xbf, 0xc0, 0xc3, 0xe0, 0xe2, 0xed],
				...[0xf0, 0xf4, 0xf5, 0xff],
			),
			{ maxLength: 12 },
		);
		fc.assert(
			fc.property(bytes, fc.nat({ max: 12 }), (list, at) => {
				const whole = Uint8Array.from(list);
				const head = whole.subarray(0, at);
				const end = head.length - incompleteTail(head);
				const joined =
					decode(whole.subarray(0, end)) + decode(whole.subarray(end));
				expect(joined).toBe(decode(whole));
			}),
			{ numRuns: 3000 },
		);
	});
});

describe("orphanedHead", () => {
	it("counts what a cut leaves of the character before", () => {
		fc.assert(
			fc.property(text, fc.nat(), (whole, at) => {
				const bytes = encode(whole);
				const rest = bytes.subarray(at % (bytes.length + 1));
				const kept = rest.subarray(orphanedHead(rest));
				expect(whole.endsWith(decode(kept))).toBe(true);
			}),
		);
	});

	it("is at most three bytes, as no character has more to lose", () => {
		expect(orphanedHead(new Uint8Array(10).fill(0x80))).toBe(3);
		expect(orphanedHead(new Uint8Array(2).fill(0x80))).toBe(2);
		expect(orphanedHead(new Uint8Array(0))).toBe(0);
	});
});

describe("sequenceLength", () => {
	it("is that of every character's first byte", () => {
		for (const point of [
			0, 0x7f, 0x80, 0x7ff, 0x800, 0xffff, 0x10000, 0x10ffff,
		]) {
			const bytes = encode(String.fromCodePoint(point));
			expect(sequenceLength(bytes[0] ?? 0)).toBe(bytes.length);
		}
	});
});
