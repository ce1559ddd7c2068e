import { describe, expect, it } from "bun:test";
import { History, type Point } from "../../src/process/history.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

function point(at: number, more: Partial<Point> = {}): Point {
	return { at, cpuPercent: 10, memoryMB: 5, processCount: 1, ...more };
}

/** A history of points from 0 to `until`, `step` apart. */
function course(
	until: number,
	step = SECOND,
	make: (at: number) => Point = point,
): readonly Point[] {
	const history = new History();
	for (let at = 0; at <= until; at += step) history.add(make(at));
	return history.points();
}

/** What lies between each point and the one before it. */
function gaps(points: readonly Point[]): number[] {
	return points.slice(1).map(({ at }, index) => at - (points[index]?.at ?? 0));
}

function countSince(points: readonly Point[], at: number): number {
	return points.filter((each) => each.at > at).length;
}

describe("History", () => {
	it("is empty at first", () => {
		expect(new History().points()).toEqual([]);
	});

	it("tells of a single look as it was", () => {
		const only = point(20, { cpuPercent: 50, memoryMB: 3.25, processCount: 2 });
		const history = new History();
		history.add(only);
		expect(history.points()).toEqual([only]);
	});

	it("keeps a point a second for ten minutes", () => {
		const points = course(10 * MINUTE);
		expect(points).toHaveLength(601);
		expect(points.map(({ at }) => Math.round(at))).toEqual(
			Array.from({ length: 601 }, (_, index) => index * SECOND),
		);
	});

	it.each([
		["50 a second", 20],
		["5 a second", 200],
	])("keeps no more where looks come %s", (_, step) => {
		const points = course(5 * MINUTE, step);
		const between = gaps(points.slice(0, -1));
		expect(Math.min(...between)).toBeGreaterThanOrEqual(0.9 * SECOND - 1);
		expect(Math.max(...between)).toBeLessThanOrEqual(1.1 * SECOND + 1);
		expect(points.length).toBeLessThanOrEqual(335);
		expect(points.at(-1)?.at).toBeCloseTo(5 * MINUTE, -1);
	});

	it("keeps a point for each look where they come a little early or late", () => {
		const points = course(2 * MINUTE, SECOND, (at) =>
			point(at + ((at / SECOND) % 3) * 30 - 30),
		);
		expect(points).toHaveLength(121);
	});

	it("is thinner before the last ten minutes, and thinner still before", () => {
		const points = course(6 * HOUR);
		const end = 6 * HOUR;
		expect(countSince(points, end - 10 * MINUTE)).toBeGreaterThanOrEqual(599);
		const hour = points.filter(
			({ at }) => at > end - 100 * MINUTE && at < end - 11 * MINUTE,
		);
		for (const gap of gaps(hour)) {
			expect(gap).toBeGreaterThanOrEqual(9 * SECOND - 1);
			expect(gap).toBeLessThanOrEqual(11 * SECOND + 1);
		}
		const early = points.filter(({ at }) => at < end - 3 * HOUR);
		for (const gap of gaps(early)) {
			expect(gap).toBeGreaterThanOrEqual(50 * SECOND);
			expect(gap).toBeLessThanOrEqual(61 * SECOND + 1);
		}
		// None is lost on its way from one to the next.
		expect(points[0]?.at).toBeLessThanOrEqual(MINUTE);
		expect(Math.max(...gaps(points))).toBeLessThanOrEqual(2 * MINUTE);
	});

	it("is of about the last day, of so many points and no more", () => {
		const points = course(3 * DAY);
		const [oldest] = points;
		expect(points.length).toBeGreaterThan(2700);
		expect(points.length).toBeLessThanOrEqual(600 + 720 + 1440 + 3);
		expect(3 * DAY - (oldest?.at ?? 0)).toBeGreaterThan(0.95 * DAY);
		expect(3 * DAY - (oldest?.at ?? 0)).toBeLessThan(1.15 * DAY);
	});

	it("is in order, and each time is that of a look", () => {
		const points = course(2 * DAY + 7 * SECOND, SECOND, (at) =>
			point(at + 0.25),
		);
		expect(Math.min(...gaps(points))).toBeGreaterThan(0);
		for (const { at } of points)
			expect(Math.abs(at - Math.round(at / SECOND) * SECOND)).toBeLessThan(20);
	});

	it("averages CPU and keeps the most memory and processes of what it merges", () => {
		const history = new History();
		history.add(point(0, { cpuPercent: 0, memoryMB: 10, processCount: 1 }));
		history.add(point(300, { cpuPercent: 90, memoryMB: 70, processCount: 2 }));
		history.add(point(600, { cpuPercent: 30, memoryMB: 20, processCount: 9 }));
		const merged = { at: 600, cpuPercent: 40, memoryMB: 70, processCount: 9 };
		expect(history.points()).toEqual([merged]);
		history.add(point(1500));
		const [first, second] = history.points();
		expect(first?.cpuPercent).toBeCloseTo(40, 4);
		expect(first).toMatchObject({ memoryMB: 70, processCount: 9 });
		expect(second).toEqual(point(1500));
	});

	it("shows a short peak of memory for a day, and half the load as half", () => {
		const peak = 3 * HOUR + 1234 * SECOND;
		const points = course(20 * HOUR, SECOND, (at) =>
			point(at, {
				cpuPercent: (at / SECOND) % 2 === 0 ? 100 : 0,
				memoryMB: at === peak ? 900 : 5,
				processCount: at === peak ? 44 : 1,
			}),
		);
		const high = points.filter(({ memoryMB }) => memoryMB === 900);
		expect(high).toHaveLength(1);
		expect(high[0]?.processCount).toBe(44);
		expect(Math.abs((high[0]?.at ?? 0) - peak)).toBeLessThan(2 * MINUTE);
		const old = points.filter(({ at }) => at < 15 * HOUR);
		const mean = old.reduce((sum, each) => sum + each.cpuPercent, 0);
		expect(mean / old.length).toBeCloseTo(50, 0);
	});

	it("keeps figures as exact as they are shown", () => {
		const points = course(DAY, SECOND, (at) =>
			point(at, { cpuPercent: 199.99, memoryMB: 23_456.78, processCount: 999 }),
		);
		for (const { cpuPercent, memoryMB, processCount } of points) {
			expect(cpuPercent).toBeCloseTo(199.99, 2);
			expect(memoryMB).toBeCloseTo(23_456.78, 1);
			expect(processCount).toBe(999);
		}
	});

	it("needs little memory: for nothing next to none, for days no more than for one", () => {
		const before = process.memoryUsage().arrayBuffers;
		const many = Array.from({ length: 1000 }, () => {
			const history = new History();
			history.add(point(0));
			return history;
		});
		Bun.gc(true);
		const each = (process.memoryUsage().arrayBuffers - before) / many.length;
		expect(each).toBeLessThan(4096);
		const history = new History();
		for (let at = 0; at < 3 * DAY; at += SECOND) history.add(point(at));
		const full = history.points().length;
		for (let at = 3 * DAY; at < 6 * DAY; at += SECOND) history.add(point(at));
		expect(Math.abs(history.points().length - full)).toBeLessThanOrEqual(4);
	});
});
