import { describe, expect, it } from "bun:test";
import { QueryScan } from "../../src/process/queries.ts";

const ESC = "\x1b";
const QUESTIONS = [
	"[6n",
	"[?6n",
	"[5n",
	"[c",
	"[0c",
	"[>c",
	"[?2026$p",
	"[18t",
	"]10;?\x07",
	"]11;?\x1b",
	"P$qm\x1b",
];
const NONE = [
	"[31m",
	"[2J",
	"[22;0;0t",
	"[!p",
	"[2 q",
	"]0;really?\x07",
	"]2;n\x07",
	"P+q544e\x1b",
	"(B",
	"7",
	"c",
	`]0;${"c".repeat(500)}\x07`,
	`[${"1;".repeat(50)}m`,
];

describe("what programs ask their terminal", () => {
	it.each(QUESTIONS)("is seen: ESC %j, wherever a piece ends", (question) => {
		const text = Buffer.from(`before${ESC}[1m${ESC}${question}`);
		for (let cut = 0; cut < text.length; cut++) {
			const scan = new QueryScan();
			expect(scan.scan(text.subarray(0, cut))).toBe(0);
			expect(scan.scan(text.subarray(cut))).toBe(text.length - cut);
			expect(scan.scan(Buffer.from("after"))).toBe(0);
		}
	});

	it("is seen byte for byte", () => {
		for (const question of QUESTIONS) {
			const scan = new QueryScan();
			const found = [...Buffer.from(ESC + question)].map((byte) =>
				scan.scan(Uint8Array.of(byte)),
			);
			expect(found).toEqual([...question].map(() => 0).concat(1));
		}
	});

	it.each(NONE)("is not ESC %j", (other) => {
		const text = Buffer.from(`${ESC}${other}cnpt ${ESC}${other}`);
		for (const cut of [0, 3, 8, text.length]) {
			const scan = new QueryScan();
			expect(scan.scan(text.subarray(0, cut))).toBe(0);
			expect(scan.scan(text.subarray(cut))).toBe(0);
		}
	});

	it("is seen behind a sequence that another one breaks off", () => {
		for (const before of ["[3", "]0;a", "P1", ""]) {
			const text = Buffer.from(`${ESC}${before}${ESC}[6n more`);
			expect(new QueryScan().scan(text)).toBe(text.length - 5);
		}
	});

	it("is found in the last of many", () => {
		const text = Buffer.from(`${ESC}[6n text ${ESC}[5n ${ESC}[0m`);
		expect(new QueryScan().scan(text)).toBe(14);
	});
});
