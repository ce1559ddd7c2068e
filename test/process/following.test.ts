import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { OutputRing } from "../../src/process/output.ts";
import {
	type Cursor,
	type Encoding,
	type ReadRequest,
	readOutput,
} from "../../src/process/reader.ts";

/** A reader that follows by cursor: what it got, and what it was told is lost. */
class Follower {
	readonly got = { stdout: "", stderr: "" };
	readonly dropped = { stdout: 0, stderr: 0 };
	cursor: Cursor = { stdout: 0, stderr: 0 };

	constructor(
		private readonly rings: Record<"stdout" | "stderr", OutputRing>,
		private readonly encoding: Encoding,
	) {}

	read(stream: ReadRequest["stream"], maxBytes: number): boolean {
		const { encoding, cursor } = this;
		const reply = readOutput(this.rings, {
			stream,
			encoding,
			cursor,
			maxBytes,
		});
		for (const name of ["stdout", "stderr"] as const) {
			this.got[name] += reply[name];
			this.dropped[name] += reply.dropped[name];
			expect(reply.cursor[name]).toBeGreaterThanOrEqual(cursor[name]);
		}
		this.cursor = reply.cursor;
		return reply.truncated;
	}

	/** Reads on until it is told that there is no more; `bound` calls must do. */
	drain(maxBytes: number, bound: number): void {
		let calls = 0;
		while (this.read("both", maxBytes)) expect(++calls).toBeLessThan(bound);
	}
}

const rings = (capacity: number) => ({
	stdout: new OutputRing(capacity),
	stderr: new OutputRing(capacity),
});

const CHARACTERS = ["a", "\n", "é", "€", "漢", "😀", "👩‍💻", "\ufeff"] as const;
const text = fc
	.array(fc.constantFrom(...CHARACTERS), { maxLength: 40 })
	.map((parts) => parts.join(""));
const stream = fc.constantFrom("stdout", "stderr", "both");

/** Cuts bytes at any places. */
function chunksOf(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
	const chunks: Uint8Array[] = [];
	let at = 0;
	for (const size of [...sizes, bytes.length]) {
		chunks.push(bytes.subarray(at, at + size));
		at += size;
	}
	return chunks;
}

describe("following by cursor", () => {
	it("gives text exactly, for any chunks and any maxBytes from 1 up", () => {
		fc.assert(
			fc.property(
				text,
				text,
				fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 30 }),
				fc.array(fc.tuple(stream, fc.integer({ min: 1, max: 12 }))),
				fc.integer({ min: 1, max: 9 }),
				(out, err, sizes, reads, last) => {
					const both = rings(10_000);
					const follower = new Follower(both, "utf-8");
					const outs = chunksOf(new TextEncoder().encode(out), sizes);
					const errs = chunksOf(new TextEncoder().encode(err), sizes);
					for (const [index, chunk] of outs.entries()) {
						both.stdout.append(chunk);
						both.stderr.append(errs[index] ?? new Uint8Array(0));
						const [which, maxBytes] = reads[index] ?? ["both", 3];
						follower.read(which, maxBytes);
					}
					both.stdout.finish();
					both.stderr.finish();
					follower.drain(last, 2000);
					expect(follower.got).toEqual({ stdout: out, stderr: err });
					expect(follower.dropped).toEqual({ stdout: 0, stderr: 0 });
				},
			),
			{ numRuns: 500 },
		);
	});

	it("decodes invalid bytes as a decoder that sees all at once would", () => {
		const byte = fc.constantFrom(
			...[0x41, 0x80, 0x9f, 0xa9, 0xbf, 0xc0, 0xc3, 0xe0, 0xe2, 0xed],
			...[0xf0, 0xf4, 0xf5, 0xff],
		);
		fc.assert(
			fc.property(
				fc.array(byte, { maxLength: 20 }),
				fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 20 }),
				fc.integer({ min: 4, max: 9 }),
				(list, sizes, maxBytes) => {
					const both = rings(10_000);
					const follower = new Follower(both, "utf-8");
					const whole = Uint8Array.from(list);
					for (const chunk of chunksOf(whole, sizes)) {
						both.stdout.append(chunk);
						follower.read("both", maxBytes);
					}
					both.stdout.finish();
					follower.drain(maxBytes, 200);
					const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
					expect(follower.got.stdout).toBe(decoder.decode(whole));
				},
			),
			{ numRuns: 2000 },
		);
	});

	it.each([1, 2, 3])(
		"comes to an end with invalid bytes and maxBytes %d",
		(maxBytes) => {
			const byte = fc.constantFrom(0x41, 0x80, 0x9f, 0xc3, 0xe2, 0xf0);
			fc.assert(
				fc.property(fc.array(byte, { maxLength: 12 }), (list) => {
					const both = rings(100);
					both.stdout.append(Uint8Array.from(list));
					both.stdout.finish();
					const follower = new Follower(both, "utf-8");
					follower.drain(maxBytes, 100);
					expect(follower.cursor.stdout).toBe(list.length);
				}),
				{ numRuns: 500 },
			);
		},
	);

	it.each(["base64", "hex", "latin1"] as const)(
		"in %s gives every byte, or says how many were dropped",
		(encoding) => {
			fc.assert(
				fc.property(
					fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 20 }),
					fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 20 }),
					fc.integer({ min: 1, max: 100 }),
					(chunks, limits, capacity) => {
						const both = rings(capacity);
						let got: number[] = [];
						let cursor = { stdout: 0, stderr: 0 };
						const all: number[] = [];
						const read = (maxBytes: number) => {
							const reply = readOutput(both, {
								stream: "stdout",
								encoding,
								cursor,
								maxBytes,
							});
							const { stdout: dropped } = reply.dropped;
							const bytes = [...Buffer.from(reply.stdout, encoding)];
							// What is lost is put in from the original, to compare the rest.
							const lost = all.slice(cursor.stdout, cursor.stdout + dropped);
							expect(lost.length).toBe(dropped);
							expect(bytes.length).toBeLessThanOrEqual(maxBytes);
							got = [...got, ...lost, ...bytes];
							cursor = { ...reply.cursor };
							expect(cursor.stdout).toBe(got.length);
							return reply.truncated;
						};
						for (const [index, chunk] of chunks.entries()) {
							both.stdout.append(chunk);
							all.push(...chunk);
							read(limits[index] ?? 7);
						}
						while (read(10)) expect(got.length).toBeLessThan(all.length);
						expect(got).toEqual(all);
					},
				),
			);
		},
	);

	it("never shows part of a character where output was dropped, and counts its bytes", () => {
		fc.assert(
			fc.property(
				fc.array(text, { maxLength: 8 }),
				fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 8 }),
				fc.integer({ min: 4, max: 60 }),
				fc.integer({ min: 1, max: 9 }),
				(parts, limits, capacity, last) => {
					const both = rings(capacity);
					const follower = new Follower(both, "utf-8");
					for (const [index, part] of parts.entries()) {
						both.stdout.append(new TextEncoder().encode(part));
						follower.read("stdout", limits[index] ?? 5);
					}
					both.stdout.finish();
					follower.drain(last, 500);
					const { got, dropped } = follower;
					expect(got.stdout).not.toContain("\ufffd");
					const bytes = Buffer.byteLength(got.stdout);
					expect(bytes + dropped.stdout).toBe(both.stdout.end);
				},
			),
			{ numRuns: 500 },
		);
	});
});
