import { describe, expect, it } from "bun:test";
import {
	LONGEST_SEQUENCE,
	unfinishedSequence,
} from "../../src/process/escapes.ts";
import { OutputRing } from "../../src/process/output.ts";
import { plainText, searchableText } from "../../src/process/plain.ts";
import { readOutput } from "../../src/process/reader.ts";

const ESC = "\x1b";
const latin1 = (text: string) => Buffer.from(text, "latin1");

describe("plain text", () => {
	it.each([
		[`${ESC}[1;31mred${ESC}[0m`, "red"],
		[`${ESC}]0;title\x07text`, "text"],
		[`${ESC}]8;;http://x${ESC}\\link${ESC}]8;;${ESC}\\`, "link"],
		[`${ESC}(Ba${ESC}7b${ESC}=c`, "abc"],
		[`${ESC}P1;2qimage${ESC}\\z`, "z"],
		[`${ESC}]0;never ended\nnext`, "\nnext"],
		[`${ESC}[31\nm`, "\nm"],
		["\u009b31mred\u009b0m", "red"],
		["\u009d0;title\u009ctext", "text"],
		["bell\x07 shift\x0e\x0f", "bell shift"],
		["é日😀", "é日😀"],
		["a\0b\tc", "a\0b\tc"],
		["10%\r50%\r100%\ndone\n", "100%\ndone\n"],
		["\r10%\r50%", "50%"],
		["50%\r", "50%"],
		["a\r\nb\r\n", "a\nb\n"],
		["spin|\b/\b-", "spin-"],
		["a😀é\b\bb", "ab"],
		["ab\b\b\b\bc", "c"],
		["long\r\bx", "x"],
		[`frame${ESC}[2K\rnext`, "next"],
		[`frame\r${ESC}[Kadded 5\n`, "added 5\n"],
		[`frame${ESC}[1G${ESC}[0Knext`, "next"],
		[`kept${ESC}[K\n`, "kept\n"],
	])("of %j is %j", (written, shown) => {
		expect(plainText(Buffer.from(written))).toBe(shown);
	});

	// Each step once cost the length of the line: minutes, in which nothing else was done.
	it.each([
		["a".repeat(200_000) + "\b".repeat(199_999), "a"],
		["ab\b".repeat(200_000), "a".repeat(200_000)],
		["a😀\b".repeat(200_000), "a".repeat(200_000)],
	])(
		"of a line with 200,000 backspaces takes no longer than another",
		(written, shown) => {
			const start = performance.now();
			expect(plainText(Buffer.from(written)) === shown).toBe(true);
			expect(performance.now() - start).toBeLessThan(10_000);
		},
		300_000,
	);

	it("knows eight-bit controls that are single bytes", () => {
		expect(plainText(latin1("\x9b31mred\x9b0m"))).toBe("red");
		expect(plainText(latin1("\x9d0;title\x07text"))).toBe("text");
	});

	it("leaves single bytes alone that begin no sequence", () => {
		expect(plainText(latin1("a\x9b\xffb\x93c"))).toBe("a��b�c");
		expect(plainText(latin1("a\x9d\nb"))).toBe("a�\nb");
	});

	it("does not take a title without end for all that follows", () => {
		const rest = "x".repeat(LONGEST_SEQUENCE);
		expect(plainText(Buffer.from(`${ESC}]${rest}`))).toBe(rest);
		expect(unfinishedSequence(Buffer.from(`a${ESC}]0;x`))).toBe(5);
	});

	it("for a search has every state of a line", () => {
		expect(searchableText(Buffer.from(`1%\r${ESC}[32m2%\r\nx`))).toBe(
			"1%\n2%\nx",
		);
	});
});

describe("replies as plain text", () => {
	const WRITTEN = `a${ESC}[31mr\u00e9d${ESC}[0m\u009b1mb${ESC}]0;t\u00eftle${ESC}\\z\n`;

	it.each([[1], [2], [3], [5], [8]])(
		"of %d bytes cut no sequence",
		(maxBytes) => {
			const stdout = new OutputRing(1000);
			stdout.append(Buffer.from(WRITTEN));
			stdout.finish();
			expect(followed(stdout, maxBytes)).toBe("ar\u00e9dbz\n");
		},
	);

	it("hold back a sequence that is being written", () => {
		const stdout = new OutputRing(1000);
		let text = "";
		let cursor = { stdout: 0, stderr: 0 };
		for (const byte of Buffer.from(WRITTEN)) {
			stdout.append(Uint8Array.of(byte));
			const reply = readPlain(stdout, 1000, cursor);
			text += reply.stdout;
			cursor = reply.cursor;
		}
		expect(text).toBe("ar\u00e9dbz\n");
	});

	it("begin after a sequence in which the cursor lies", () => {
		const stdout = new OutputRing(1000);
		stdout.append(Buffer.from(`ab${ESC}[31mred`));
		expect(readPlain(stdout, 100, { stdout: 4, stderr: 0 }).stdout).toBe("red");
	});

	it("are full although most of what was written is a progress bar", () => {
		const stdout = new OutputRing(10 ** 6);
		for (let step = 0; step < 50_000; step++)
			stdout.append(Buffer.from(`\r${step}/50000`));
		stdout.append(Buffer.from("\ndone\n"));
		const { text, replies } = follow(stdout, 1000);
		expect(text).toEndWith("49999/50000\ndone\n");
		expect(replies).toBeLessThan(5);
	});
});

function readPlain(
	stdout: OutputRing,
	maxBytes: number,
	cursor: { stdout: number; stderr: number },
) {
	return readOutput(
		{ stdout, stderr: new OutputRing(1) },
		{ stream: "stdout", encoding: "utf-8", stripAnsi: true, maxBytes, cursor },
	);
}

function follow(stdout: OutputRing, maxBytes: number) {
	let [text, replies] = ["", 0];
	let cursor = { stdout: 0, stderr: 0 };
	while (cursor.stdout < stdout.end) {
		const reply = readPlain(stdout, maxBytes, cursor);
		expect(reply.cursor.stdout).toBeGreaterThan(cursor.stdout);
		text += reply.stdout;
		({ cursor } = reply);
		replies++;
	}
	return { text, replies };
}

const followed = (stdout: OutputRing, maxBytes: number) =>
	follow(stdout, maxBytes).text;
