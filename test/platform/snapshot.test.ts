import { describe, expect, it } from "bun:test";
import { Snapshot } from "../../src/platform/snapshot.ts";

/** A system on which a list takes a millisecond to make. */
function setUp(...pids: number[]) {
	const state = { now: 0, lists: 0, pids };
	const snapshot = new Snapshot(
		() => {
			state.now++;
			state.lists++;
			return state.pids.map((pid) => ({
				pid,
				startTime: pid,
				name: "a.exe",
				threads: 2,
				cpu: 0,
				workingSet: 0,
				peakWorkingSet: 0,
				read: 0,
				written: 0,
			}));
		},
		() => state.now,
	);
	const of = (...wanted: number[]) => snapshot.of(wanted).map(({ pid }) => pid);
	return { state, of };
}

describe("a snapshot", () => {
	it("shows those that are asked for and are there", () => {
		const { of } = setUp(1, 2, 3);
		expect(of(3, 1, 7)).toEqual([3, 1]);
	});

	it("is shared by looks that follow each other closely", () => {
		const { state, of } = setUp(1, 2);
		for (let look = 0; look < 5; look++) expect(of(1, 2)).toEqual([1, 2]);
		expect(state.lists).toBe(1);
	});

	it("is taken anew for who is not in it, and once it is old", () => {
		const { state, of } = setUp(1);
		of(1);
		state.pids.push(2);
		expect(of(1, 2)).toEqual([1, 2]);
		expect(state.lists).toBe(2);
		state.now += 4;
		of(1, 2);
		expect(state.lists).toBe(2);
		state.now += 1;
		of(1, 2);
		expect(state.lists).toBe(3);
	});
});
