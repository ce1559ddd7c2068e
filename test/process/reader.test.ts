import { describe, expect, it } from "bun:test";
import { ProcessError } from "../../src/errors.ts";
import { OutputRing } from "../../src/process/output.ts";
import {
	checkCursor,
	formatCursor,
	parseCursor,
	type ReadRequest,
	readOutput,
} from "../../src/process/reader.ts";

const encode = (text: string) => new TextEncoder().encode(text);

function ringOf(text: string | Uint8Array, capacity = 10_000, ended = true) {
	const ring = new OutputRing(capacity);
	ring.append(typeof text === "string" ? encode(text) : text);
	if (ended) ring.finish();
	return ring;
}

function read(
	stdout: OutputRing,
	request: Partial<ReadRequest> = {},
	stderr = ringOf(""),
) {
	return readOutput(
		{ stdout, stderr },
		{ stream: "both", encoding: "utf-8", maxBytes: 1000, ...request },
	);
}

describe("a cursor", () => {
	it("survives being written and read", () => {
		for (const cursor of [
			{ stdout: 0, stderr: 0 },
			{ stdout: 12, stderr: 999_999_999_999_999 },
		])
			expect(parseCursor(formatCursor(cursor))).toEqual(cursor);
	});

	it.each([
		...["", ".", "1", "1.", ".1", "1.2.3", "-1.2", "1.-2", "+1.2"],
		...["1,2", " 1.2", "1.2 ", "1.2\n", "0x1.2", "1e3.2", "Infinity.NaN"],
		...["9999999999999999.0", "١.٢", "x".repeat(10_000)],
	])("is not %j", (text) => {
		let error: unknown;
		try {
			parseCursor(text);
		} catch (caught) {
			error = caught;
		}
		expect(error).toBeInstanceOf(ProcessError);
		expect(error).toMatchObject({
			code: "INVALID_ARGUMENT",
			details: { field: "cursor" },
		});
		if (error instanceof Error) expect(error.message.length).toBeLessThan(200);
	});

	it("is refused past the end of either stream, and taken at it", () => {
		const rings = { stdout: ringOf("abc"), stderr: ringOf("") };
		expect(() => checkCursor({ stdout: 3, stderr: 0 }, rings)).not.toThrow();
		expect(() => checkCursor({ stdout: 4, stderr: 0 }, rings)).toThrow("4.0");
		expect(() => checkCursor({ stdout: 0, stderr: 1 }, rings)).toThrow("0.1");
	});
});

describe("one reply", () => {
	it("gives both streams", () => {
		expect(read(ringOf("out"), {}, ringOf("err"))).toEqual({
			stdout: "out",
			stderr: "err",
			cursor: { stdout: 3, stderr: 3 },
			dropped: { stdout: 0, stderr: 0 },
			truncated: false,
		});
	});

	it.each([
		["stdout", "out", "", { stdout: 3, stderr: 1 }],
		["stderr", "", "rr", { stdout: 0, stderr: 3 }],
	] as const)(
		"of %s alone leaves the other's place in the cursor as it was",
		(stream, stdout, stderr, cursor) => {
			const reply = read(
				ringOf("out"),
				{ stream, cursor: { stdout: 0, stderr: 1 } },
				ringOf("err"),
			);
			expect(reply).toMatchObject({ stdout, stderr, cursor, truncated: false });
		},
	);

	it("shares its limit: half each, and what one does not need to the other", () => {
		const share = (out: number, err: number) => {
			const reply = read(
				ringOf("o".repeat(out)),
				{ maxBytes: 100 },
				ringOf("e".repeat(err)),
			);
			return [reply.stdout.length, reply.stderr.length, reply.truncated];
		};
		expect(share(1000, 1000)).toEqual([50, 50, true]);
		expect(share(10, 1000)).toEqual([10, 90, true]);
		expect(share(1000, 10)).toEqual([90, 10, true]);
		expect(share(50, 50)).toEqual([50, 50, false]);
		expect(share(0, 101)).toEqual([0, 100, true]);
	});

	it("says what was dropped before it", () => {
		expect(read(ringOf("0123456789", 4))).toMatchObject({
			stdout: "6789",
			dropped: { stdout: 6, stderr: 0 },
			truncated: false,
		});
	});

	it("counts as dropped only what came after the cursor", () => {
		const cursor = { stdout: 5, stderr: 0 };
		expect(read(ringOf("0123456789", 4), { cursor })).toMatchObject({
			stdout: "6789",
			dropped: { stdout: 1 },
		});
		expect(
			read(ringOf("0123456789", 4), { cursor: { stdout: 7, stderr: 0 } }),
		).toMatchObject({ stdout: "789", dropped: { stdout: 0 } });
	});

	it.each([
		["base64", "AP+A4oI="],
		["hex", "00ff80e282"],
		["latin1", "\u0000\u00ff\u0080\u00e2\u0082"],
		["utf-8", "\u0000\ufffd\ufffd\ufffd"],
	] as const)("in %s gives bytes that are no text", (encoding, expected) => {
		const bytes = Uint8Array.of(0x00, 0xff, 0x80, 0xe2, 0x82);
		const reply = read(ringOf(bytes), { encoding });
		expect(reply.stdout).toBe(expected);
		expect(reply.cursor.stdout).toBe(5);
	});

	it("keeps a byte order mark, which is output like any other", () => {
		expect(read(ringOf("\ufeffx")).stdout).toBe("\ufeffx");
	});

	it("holds an unfinished character back until the rest comes", () => {
		const ring = ringOf(encode("a€").subarray(0, 3), 100, false);
		const first = read(ring);
		expect(first).toMatchObject({ stdout: "a", truncated: false });
		ring.append(encode("€").subarray(2));
		expect(read(ring, { cursor: first.cursor }).stdout).toBe("€");
	});

	it("gives an unfinished character up when nothing more can come", () => {
		const ring = ringOf(encode("a€").subarray(0, 3));
		expect(read(ring)).toMatchObject({
			stdout: "a\ufffd",
			cursor: { stdout: 3 },
		});
	});

	it.each([1, 2, 3])(
		"with maxBytes %d gets past an unfinished character at the very end",
		(maxBytes) => {
			const ring = ringOf(encode("😀").subarray(0, 3));
			let cursor = { stdout: 0, stderr: 0 };
			let text = "";
			for (let calls = 0; calls < 10 && cursor.stdout < 3; calls++) {
				const reply = read(ring, { cursor, maxBytes });
				text += reply.stdout;
				cursor = reply.cursor;
			}
			expect(cursor.stdout).toBe(3);
			expect(text).toStartWith("\ufffd");
		},
	);

	it("is not truncated when it gave all there was, even past its limit", () => {
		const reply = read(ringOf("é"), { maxBytes: 1 });
		expect(reply).toMatchObject({ stdout: "é", cursor: { stdout: 2 } });
		expect(reply.truncated).toBe(false);
	});
});

describe("tailLines", () => {
	const tail = (text: string, tailLines: number, more = {}) =>
		read(ringOf(text), { tailLines, ...more });

	it.each([
		["a\nb\nc\n", 1, "c\n"],
		["a\nb\nc", 1, "c"],
		["a\nb\nc\n", 2, "b\nc\n"],
		["a\nb\nc", 2, "b\nc"],
		["a\nb\nc\n", 3, "a\nb\nc\n"],
		["a\nb\nc\n", 99, "a\nb\nc\n"],
		["a\n\n\n", 2, "\n\n"],
		["\n", 1, "\n"],
		["\n", 5, "\n"],
		["", 3, ""],
		["one line", 1, "one line"],
		["a\r\nb\r\n", 1, "b\r\n"],
		["a\nb", 1_000_000_000, "a\nb"],
	])("of %j, %d of them, is %j", (text, lines, expected) => {
		expect(tail(text, lines)).toMatchObject({
			stdout: expected,
			truncated: false,
		});
	});

	it("finds lines that lie far back", () => {
		const text = `first\n${"x".repeat(200_000)}\nlast\n`;
		const ring = ringOf(text, 1_000_000);
		const reply = read(ring, { tailLines: 2, maxBytes: 1_000_000 });
		expect(reply.stdout).toBe(`${"x".repeat(200_000)}\nlast\n`);
	});

	it("gives the newest bytes where its lines are more than maxBytes, and says so", () => {
		const reply = tail("a\nbcdefgh\n", 1, { maxBytes: 4 });
		expect(reply).toMatchObject({ stdout: "fgh\n", truncated: true });
	});

	it("never begins within a character", () => {
		const reply = tail("x\n😀😀\n", 1, { maxBytes: 7 });
		expect(reply).toMatchObject({ stdout: "😀\n", truncated: true });
	});

	it("does not go back before the cursor", () => {
		const reply = tail("a\nb\nc\n", 3, { cursor: { stdout: 4, stderr: 0 } });
		expect(reply.stdout).toBe("c\n");
	});

	it("does not go back before what is held, and says what was dropped", () => {
		const reply = read(ringOf("aaaa\nbb\ncc\n", 6), { tailLines: 9 });
		expect(reply).toMatchObject({
			stdout: "bb\ncc\n",
			dropped: { stdout: 5 },
		});
	});

	it("leaves a cursor that goes on after them", () => {
		const ring = ringOf("a\nb\n", 100, false);
		const { cursor } = read(ring, { tailLines: 1 });
		ring.append(encode("c\n"));
		expect(read(ring, { cursor }).stdout).toBe("c\n");
	});

	it("counts each stream's lines by themselves", () => {
		const reply = read(ringOf("a\nb\n"), { tailLines: 1 }, ringOf("c\nd\n"));
		expect(reply).toMatchObject({ stdout: "b\n", stderr: "d\n" });
	});
});
