import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { type Count, Counter, Totals } from "../../src/platform/totals.ts";

const member = (
	pid: number,
	parent: number,
	own: number,
	waited = 0,
	startTime = pid,
): Count => ({ pid, parent, own, waited, startTime });

/** What is counted after each of some looks. */
function count(...looks: readonly (readonly Count[])[]): number[] {
	const totals = new Totals();
	return looks.map((look) => totals.add(look));
}

describe("Totals", () => {
	it("are the sum of those that live", () => {
		expect(count([member(1, 0, 5), member(2, 1, 7)])).toEqual([12]);
	});

	it("keep what a child used that nobody has waited for", () => {
		expect(
			count([member(1, 0, 5), member(2, 1, 7)], [member(1, 0, 6)]),
		).toEqual([12, 13]);
	});

	it("count a child once whose parent has waited for it", () => {
		expect(
			count(
				[member(1, 0, 5), member(2, 1, 7)],
				// It used one more after the look at it.
				[member(1, 0, 5, 8)],
			),
		).toEqual([12, 13]);
	});

	it("count children that no look has seen", () => {
		expect(
			count([member(1, 0, 5)], [member(1, 0, 5, 30)], [member(1, 0, 5, 45)]),
		).toEqual([5, 35, 50]);
	});

	it("count a family once that went from the bottom up between two looks", () => {
		expect(
			count(
				[member(1, 0, 1), member(2, 1, 10, 3), member(3, 2, 20)],
				[member(1, 0, 1, 34)],
			),
		).toEqual([34, 35]);
	});

	it("count a child once that was waited for in the middle of a look", () => {
		expect(
			count(
				[member(1, 0, 5), member(2, 1, 7)],
				// The parent was read before it waited, the child came too late.
				[member(1, 0, 5)],
				[member(1, 0, 5, 7)],
				[member(1, 0, 5, 20)],
			),
		).toEqual([12, 12, 12, 25]);
	});

	it("take one with the pid of another for one of its own", () => {
		expect(
			count(
				[member(1, 0, 5), member(2, 1, 100)],
				[member(1, 0, 5, 100), member(2, 1, 3, 0, 77)],
			),
		).toEqual([105, 108]);
	});

	it("survive parents that are their own ancestors", () => {
		expect(
			count([member(1, 2, 5), member(2, 1, 5), member(3, 1, 1)], []),
		).toEqual([11, 11]);
	});

	it("never go back, and come to what was used, whatever the looks see", () => {
		// A model of the kernel: processes run, fork, end, and are waited for or not.
		const event = fc.record({
			kind: fc.constantFrom(
				"run",
				"run",
				"fork",
				"exit",
				"reap",
				"look",
				"torn look",
			),
			who: fc.nat(50),
			amount: fc.nat(20),
		});
		fc.assert(
			fc.property(fc.array(event, { maxLength: 120 }), (events) => {
				const alive = new Map([[1, { ...member(1, 0, 0) }]]);
				const ended = new Set<number>();
				const totals = new Totals();
				let [next, used, last] = [2, 0, 0];
				const reap = (which: number) => {
					const pid = [...ended][which % Math.max(1, ended.size)];
					const child = pid === undefined ? undefined : alive.get(pid);
					const parent = child && alive.get(child.parent);
					if (!child || !parent) return;
					const waited = parent.waited + child.own + child.waited;
					alive.set(parent.pid, { ...parent, waited });
					alive.delete(child.pid);
					ended.delete(child.pid);
				};
				for (const { kind, who, amount } of events) {
					const running = [...alive.values()].filter(
						({ pid }) => !ended.has(pid),
					);
					const one = running[who % running.length];
					if (!one) break;
					if (kind === "run") {
						alive.set(one.pid, { ...one, own: one.own + amount });
						used += amount;
					} else if (kind === "fork") {
						alive.set(next, member(next, one.pid, 0));
						next++;
					} else if (kind === "exit" && one.pid !== 1) {
						// Only those without children, as orphans leave to elsewhere.
						if (![...alive.values()].some(({ parent }) => parent === one.pid))
							ended.add(one.pid);
					} else if (kind === "reap") {
						reap(who);
					} else if (kind === "torn look") {
						// The parents are read first, and one waits before the child is.
						const first = [...alive.values()];
						reap(who);
						const value = totals.add(first.filter(({ pid }) => alive.has(pid)));
						expect(value).toBeGreaterThanOrEqual(last);
						expect(value).toBeLessThanOrEqual(used);
						last = value;
					} else if (kind === "look") {
						const value = totals.add([...alive.values()]);
						expect(value).toBeGreaterThanOrEqual(last);
						expect(value).toBe(used);
						last = value;
					}
				}
				expect(totals.add([...alive.values()])).toBe(used);
			}),
			{ numRuns: 500 },
		);
	});
});

describe("a counter", () => {
	const seen = (pid: number, value: number, startTime = pid) => ({
		pid,
		startTime,
		value,
	});
	const value = (look: { readonly value: number }) => look.value;

	it("keeps what members had when they were seen last", () => {
		const counter = new Counter();
		expect(counter.add([seen(1, 5), seen(2, 7)], value)).toBe(12);
		expect(counter.add([seen(1, 6)], value)).toBe(13);
		expect(counter.add([], value)).toBe(13);
	});

	it("takes one with the pid of another for one of its own", () => {
		const counter = new Counter();
		counter.add([seen(1, 5), seen(2, 7)], value);
		expect(counter.add([seen(1, 5), seen(2, 3, 9)], value)).toBe(15);
	});

	it("is the system's where that has counted more, and never goes back", () => {
		const counter = new Counter();
		expect(counter.add([seen(1, 5)], value, 8)).toBe(8);
		expect(counter.add([seen(1, 6)], value, undefined)).toBe(8);
		expect(counter.add([seen(1, 20)], value, 8)).toBe(20);
		expect(counter.add([], value, 30)).toBe(30);
	});
});
