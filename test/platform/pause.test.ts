import { describe, expect, it } from "bun:test";
import type { Handle } from "../../src/platform/kernel32.ts";
import { Pause } from "../../src/platform/pause.ts";

/** A system of a few processes that counts suspensions, as Windows does. */
function setUp(...pids: readonly number[]) {
	const counts = new Map(pids.map((pid) => [BigInt(pid), 0]));
	const open: Handle[] = [];
	const change = (process: Handle, by: number) => {
		const count = counts.get(process);
		if (count !== undefined) counts.set(process, count + by);
		return count !== undefined;
	};
	const pause = new Pause({
		open(pid) {
			if (!counts.has(BigInt(pid))) return 0n;
			open.push(BigInt(pid));
			return BigInt(pid);
		},
		suspend: (process) => process !== 13n && change(process, 1),
		resume: (process) => void change(process, -1),
		close: (process) => void open.splice(open.indexOf(process), 1),
	});
	return { pause, counts, open };
}

describe("a pause", () => {
	it("suspends each member once, however often it is asked for", () => {
		const { pause, counts, open } = setUp(1, 2);
		for (let look = 0; look < 3; look++) pause.suspend([1, 2]);
		expect([...counts.values()]).toEqual([1, 1]);
		expect(open).toEqual([1n, 2n]);
	});

	it("resumes each once, and keeps none open", () => {
		const { pause, counts, open } = setUp(1, 2);
		pause.suspend([1, 2]);
		pause.resume();
		pause.resume();
		expect([...counts.values()]).toEqual([0, 0]);
		expect(open).toEqual([]);
		pause.suspend([1]);
		expect([...counts.values()]).toEqual([1, 0]);
	});

	it("takes in who came meanwhile", () => {
		const { pause, counts } = setUp(1, 2);
		pause.suspend([1]);
		pause.suspend([1, 2]);
		expect([...counts.values()]).toEqual([1, 1]);
	});

	it("leaves alone who is not there, or can't be suspended", () => {
		const { pause, counts, open } = setUp(1, 13);
		pause.suspend([7, 13, 1]);
		expect([...counts.values()]).toEqual([1, 0]);
		expect(open).toEqual([1n]);
	});

	it("resumes one that has ended without harm", () => {
		const { pause, counts, open } = setUp(1, 2);
		pause.suspend([1, 2]);
		counts.delete(1n);
		pause.resume();
		expect([...counts.values()]).toEqual([0]);
		expect(open).toEqual([]);
	});
});
