import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import {
	isInWindow,
	parseTimeWindow,
	wallTime,
} from "../../src/security/time-window.ts";

const at = (day: number, hour: number, minute = 0) => ({
	day,
	minute: hour * 60 + minute,
});
const [SUN, MON, FRI, SAT] = [0, 1, 5, 6];

describe("a time window", () => {
	it("holds its start and not its end", () => {
		const window = parseTimeWindow("Mon-Fri 09:00-17:00");
		expect(isInWindow(at(MON, 8, 59), window)).toBe(false);
		expect(isInWindow(at(MON, 9), window)).toBe(true);
		expect(isInWindow(at(FRI, 16, 59), window)).toBe(true);
		expect(isInWindow(at(FRI, 17), window)).toBe(false);
		expect(isInWindow(at(SAT, 12), window)).toBe(false);
	});

	it("that crosses midnight ends on the day after one of its days", () => {
		const window = parseTimeWindow("Fri 22:00-06:00");
		expect(isInWindow(at(FRI, 21, 59), window)).toBe(false);
		expect(isInWindow(at(FRI, 22), window)).toBe(true);
		expect(isInWindow(at(SAT, 5, 59), window)).toBe(true);
		expect(isInWindow(at(SAT, 6), window)).toBe(false);
		// The night before Friday began on Thursday.
		expect(isInWindow(at(FRI, 3), window)).toBe(false);
	});

	it("crosses from Saturday into Sunday", () => {
		const window = parseTimeWindow("Sat 23:00-01:00");
		expect(isInWindow(at(SUN, 0, 30), window)).toBe(true);
		expect(isInWindow(at(SUN, 23, 30), window)).toBe(false);
	});

	it("takes lists, ranges over the week's end, * and 24:00", () => {
		expect([...parseTimeWindow("Sat-Mon *").days]).toEqual([6, 0, 1]);
		expect([...parseTimeWindow("mon,WED *").days]).toEqual([1, 3]);
		expect(isInWindow(at(SUN, 23, 59), parseTimeWindow("* *"))).toBe(true);
		expect(parseTimeWindow("* 18:00-24:00").end).toBe(24 * 60);
	});

	it.each([
		"",
		"Mon",
		"09:00-17:00",
		"Monday 09:00-17:00",
		"Mon 9:00-17:00",
		"Mon 09:00-25:00",
		"Mon 09:60-10:00",
		"Mon 24:00-25:00",
		"Mon 09:00-09:00",
		"Mon- 09:00-10:00",
		"Mon-Tue-Wed *",
		"Mon 09:00-10:00 UTC",
	])("refuses %p", (text) => {
		expect(() => parseTimeWindow(text)).toThrow();
	});

	it("and its complement divide the week", () => {
		const minute = fc.integer({ min: 0, max: 24 * 60 - 1 });
		const clock = (value: number) =>
			`${String(Math.floor(value / 60)).padStart(2, "0")}:${String(value % 60).padStart(2, "0")}`;
		fc.assert(
			fc.property(minute, minute, minute, (start, end, now) => {
				fc.pre(start !== end);
				const inside = parseTimeWindow(`* ${clock(start)}-${clock(end)}`);
				const outside = parseTimeWindow(`* ${clock(end)}-${clock(start)}`);
				const time = { day: MON, minute: now };
				return isInWindow(time, inside) !== isInWindow(time, outside);
			}),
		);
	});
});

describe("the clock on the wall", () => {
	/** What `wallTime` says of moments in a time zone, asked of a process that lives there. */
	async function wallTimes(zone: string, ...moments: string[]) {
		const module = require.resolve("../../src/security/time-window.ts");
		const program = `import { wallTime } from ${JSON.stringify(module)};
console.log(JSON.stringify(${JSON.stringify(moments)}.map((m) => wallTime(new Date(m)))));`;
		const child = Bun.spawn([process.execPath, "-e", program], {
			env: { ...process.env, TZ: zone },
			stdout: "pipe",
		});
		return JSON.parse(await child.stdout.text()) as ReturnType<
			typeof wallTime
		>[];
	}

	it("jumps over the hour that daylight saving skips, and shows the other one twice", async () => {
		const [before, after, first, second] = await wallTimes(
			"Europe/Berlin",
			// 2026-03-29 02:00 becomes 03:00; 2026-10-25 03:00 becomes 02:00.
			...["2026-03-29T00:59:00Z", "2026-03-29T01:00:00Z"],
			...["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"],
		);
		expect(before).toEqual(at(SUN, 1, 59));
		expect(after).toEqual(at(SUN, 3, 0));
		expect(first).toEqual(at(SUN, 2, 30));
		expect(second).toEqual(at(SUN, 2, 30));
	});

	it("reads the local time of this process", () => {
		const date = new Date(2026, 10, 23, 14, 5);
		expect(wallTime(date)).toEqual(at(MON, 14, 5));
	});
});
