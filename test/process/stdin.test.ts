import { describe, expect, it } from "bun:test";
import { settlesWithin } from "../../src/process/timer.ts";
import { InputClosedError } from "../../src/process/write-queue.ts";
import { platform } from "../support/managed.ts";
import { fill, Pipe } from "../support/pipe.ts";

const FOREVER = Number.POSITIVE_INFINITY;
const encode = (text: string) => new TextEncoder().encode(text);

describe.skipIf(!platform.pipes)("PipeInput", () => {
	it("writes bytes as they are", async () => {
		using pipe = new Pipe();
		const bytes = Uint8Array.of(0, 255, 10, 13, 128);
		expect(await pipe.input.write(bytes, FOREVER)).toBe(5);
		expect([...pipe.take()]).toEqual([...bytes]);
	});

	it("takes nothing for nothing", async () => {
		using pipe = new Pipe();
		expect(await pipe.input.write(new Uint8Array(0), FOREVER)).toBe(0);
		expect(pipe.take().length).toBe(0);
	});

	it("passes a megabyte to a reader, whole and in order", async () => {
		using pipe = new Pipe();
		const text = Array.from({ length: 2 ** 17 }, (_, i) =>
			String(i).padStart(7, "0"),
		).join("\n");
		const reading = pipe.all();
		expect(await pipe.input.write(encode(text), FOREVER)).toBe(text.length);
		await pipe.input.end();
		expect((await reading) === text).toBe(true);
	});

	it("takes nothing at once beside more than 64 MB that wait, and goes on once they are given up", async () => {
		using pipe = new Pipe();
		const giveUp = new AbortController();
		const most = pipe.input.write(
			new Uint8Array(65 * 2 ** 20),
			60_000,
			giveUp.signal,
		);
		expect(await pipe.input.write(encode("more"), 60_000)).toBe(0);
		giveUp.abort();
		expect(await most).toBeGreaterThan(0);
		pipe.take();
		expect(await pipe.input.write(encode("more"), 60_000)).toBe(4);
	});

	it("says exactly how much a pipe took that nobody reads", async () => {
		using pipe = new Pipe();
		const bytes = Uint8Array.from({ length: 2 ** 20 }, (_, i) => i % 251);
		const written = await pipe.input.write(bytes, 30);
		expect(written).toBeGreaterThan(0);
		expect(written).toBeLessThan(bytes.length);
		const got = pipe.take();
		expect(got.length).toBe(written);
		expect(got.equals(bytes.subarray(0, written))).toBe(true);
	});

	it("writes nothing of what it gave up, however much is read later", async () => {
		using pipe = new Pipe();
		const first = await fill(pipe);
		expect(await pipe.input.write(encode("too late"), 10)).toBe(0);
		expect(pipe.take().length).toBe(first);
		expect(await pipe.input.write(encode("next"), FOREVER)).toBe(4);
		expect(pipe.take().toString()).toBe("next");
	});

	it("goes on where a reader makes room", async () => {
		using pipe = new Pipe();
		const filled = await fill(pipe);
		const waiting = pipe.input.write(encode("after room"), FOREVER);
		expect(pipe.take().length).toBe(filled);
		expect(await waiting).toBe(10);
		expect(pipe.take().toString()).toBe("after room");
	});

	it("cuts text that does not fit only between characters", async () => {
		for (const shift of ["", "a", "ab", "abc"]) {
			using pipe = new Pipe();
			const text = shift + "😀".repeat(100_000);
			const written = await pipe.input.write(encode(text), 20);
			const got = new TextDecoder("utf-8", { fatal: true }).decode(pipe.take());
			expect(encode(got).length).toBe(written);
			expect(text.startsWith(got)).toBe(true);
		}
	});

	it("takes bytes that are no text, too", async () => {
		using pipe = new Pipe();
		const reading = pipe.all();
		const bytes = new Uint8Array(200_000).fill(0x80);
		expect(await pipe.input.write(bytes, FOREVER)).toBe(bytes.length);
		await pipe.input.end();
		expect((await reading).length).toBe(bytes.length);
	});

	it("writes in the order of the calls, however much they block", async () => {
		using pipe = new Pipe();
		const parts = Array.from({ length: 20 }, (_, i) =>
			`${String.fromCharCode(97 + i)}`.repeat(i % 3 === 0 ? 70_000 : 10),
		);
		const writes = parts.map((part) => pipe.input.write(encode(part), FOREVER));
		const ended = pipe.input.end();
		expect((await pipe.all()) === parts.join("")).toBe(true);
		await ended;
		expect(await Promise.all(writes)).toEqual(parts.map((part) => part.length));
	});

	it("passes on to the next write when one before it is given up", async () => {
		using pipe = new Pipe();
		await fill(pipe);
		const patient = pipe.input.write(encode("first"), 30);
		const next = pipe.input.write(encode("second"), FOREVER);
		expect(await patient).toBe(0);
		pipe.take();
		expect(await next).toBe(6);
		expect(pipe.take().toString()).toBe("second");
	});

	it("ends after what was written before", async () => {
		using pipe = new Pipe();
		const write = pipe.input.write(encode("x".repeat(300_000)), FOREVER);
		const ended = pipe.input.end();
		expect(pipe.input.closed).toBe(true);
		expect((await pipe.all()).length).toBe(300_000);
		await ended;
		expect(await write).toBe(300_000);
	});

	it("ends when what waits before it is given up", async () => {
		using pipe = new Pipe();
		const filled = await fill(pipe);
		const write = pipe.input.write(encode("no room"), 30);
		await pipe.input.end();
		expect(await write).toBe(0);
		expect((await pipe.all()).length).toBe(filled);
	});

	it("can be ended more than once, and after it was closed", async () => {
		using pipe = new Pipe();
		const twice = Promise.all([pipe.input.end(), pipe.input.end()]);
		expect(await settlesWithin(twice, 5000)).toBe(true);
		expect(await settlesWithin(pipe.input.end(), 1000)).toBe(true);
		pipe.input.close();
		expect(await pipe.all()).toBe("");
	});

	it("refuses writes once it is ending or closed", async () => {
		using pipe = new Pipe();
		const ended = pipe.input.end();
		expect(pipe.input.write(encode("x"), FOREVER)).rejects.toBeInstanceOf(
			InputClosedError,
		);
		await ended;
		expect(pipe.input.write(encode("x"), FOREVER)).rejects.toBeInstanceOf(
			InputClosedError,
		);
	});

	it("tells of a reader that has closed its side, and closes", async () => {
		using pipe = new Pipe();
		pipe.closeReader();
		expect(pipe.input.write(encode("x"), FOREVER)).rejects.toBeInstanceOf(
			InputClosedError,
		);
		expect(pipe.input.closed).toBe(true);
	});

	it("tells every write that waits when the reader goes", async () => {
		using pipe = new Pipe();
		await fill(pipe);
		const waiting = [1, 2, 3].map(() =>
			pipe.input.write(encode("never read"), FOREVER).catch((error) => error),
		);
		pipe.closeReader();
		for (const outcome of await Promise.all(waiting))
			expect(outcome).toBeInstanceOf(InputClosedError);
	});

	it("gives up what waits when it is closed", async () => {
		using pipe = new Pipe();
		const filled = await fill(pipe);
		const waiting = pipe.input
			.write(encode("never written"), FOREVER)
			.catch((error) => error);
		pipe.input.close();
		expect(await waiting).toBeInstanceOf(InputClosedError);
		expect((await pipe.all()).length).toBe(filled);
	});
});
