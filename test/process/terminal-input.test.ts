import { describe, expect, it } from "bun:test";

import { TerminalInput } from "../../src/process/terminal-input.ts";
import { InputClosedError } from "../../src/process/write-queue.ts";
import { caught } from "../support/table.ts";

/** A terminal that takes a piece only when it is told to. */
function keyboard(isCanonical = true) {
	const typed: Uint8Array[] = [];
	const input = new TerminalInput({
		type: (bytes) => void typed.push(bytes),
		isCanonical: () => isCanonical,
	});
	return { typed, input, text: () => Buffer.concat(typed).toString() };
}

const bytes = (text: string) => Buffer.from(text);

describe("typing at a terminal", () => {
	it("goes on only when a piece was taken", async () => {
		const { typed, input, text } = keyboard();
		const written = input.write(bytes("x".repeat(2500)), 60_000);
		expect(text()).toHaveLength(1024);
		input.drained();
		input.drained();
		expect(typed.map(({ length }) => length)).toEqual([1024, 1024, 452]);
		input.drained();
		expect(await written).toBe(2500);
	});

	it("tells what was typed when the time is over, and never more than a piece", async () => {
		const { input, text } = keyboard();
		expect(await input.write(bytes("y".repeat(5000)), 1)).toBe(1024);
		const later = input.write(bytes("z"), 60_000);
		expect(text()).not.toContain("z");
		input.drained();
		expect(text()).toBe(`${"y".repeat(1024)}z`);
		input.drained();
		expect(await later).toBe(1);
	});

	it("keeps the order of calls and the characters whole", async () => {
		const { typed, input, text } = keyboard();
		const all = [
			input.write(bytes(`a${"é".repeat(600)}`), 60_000),
			input.write(bytes("b"), 60_000),
		];
		expect(typed[0]).toHaveLength(1023);
		for (let n = 0; n < 4; n++) input.drained();
		expect(await Promise.all(all)).toEqual([1201, 1]);
		expect(text()).toBe(`a${"é".repeat(600)}b`);
	});

	it.each([
		["", true, "\x04"],
		["line\n", true, "\x04"],
		["part", true, "\x04\x04"],
		["part", false, "\x04"],
	])("ends after %j (by lines: %p) with %j", async (before, lines, end) => {
		const { input, text } = keyboard(lines);
		const written = input.write(bytes(before), 60_000);
		const ended = input.end();
		input.drained();
		input.drained();
		await Promise.all([written, ended]);
		expect(text()).toBe(before + end);
		expect(input.closed).toBe(false);
	});

	it("takes the terminal's own answers in their turn, and a bounded number of them", async () => {
		const { input, text } = keyboard();
		const before = input.write(bytes("a"), 60_000);
		for (let n = 0; n < 10_000; n++) input.answer(bytes("\x1b[1;1R"));
		let isTaken = false;
		const taken = input.answersTaken().then(() => {
			isTaken = true;
		});
		const after = input.write(bytes("z"), 60_000);
		input.drained();
		await before;
		expect(isTaken).toBe(false);
		expect(input.takesAnswers).toBe(false);
		for (let n = 0; n < 1000; n++) input.drained();
		await Promise.all([taken, after]);
		expect(input.takesAnswers).toBe(true);
		expect(text().replaceAll("\x1b[1;1R", "!")).toMatch(/^a!{1,200}z$/);
		await input.answersTaken();
	});

	it("leaves no answer that is waited for when the terminal closes", async () => {
		const { input } = keyboard();
		input.answer(bytes("x"));
		const taken = input.answersTaken();
		input.close();
		await taken;
		input.answer(bytes("y"));
		await input.answersTaken();
	});

	it("is given up when the terminal closes", async () => {
		const { input } = keyboard();
		const waiting = caught(input.write(bytes("x"), 60_000));
		const ending = input.end();
		input.close();
		expect(await waiting).toBeInstanceOf(InputClosedError);
		await ending;
		expect(await caught(input.write(bytes("x"), 1))).toBeInstanceOf(
			InputClosedError,
		);
	});
});
