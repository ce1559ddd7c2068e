import { describe, expect, it } from "bun:test";
import { availableParallelism } from "node:os";
import fc from "fast-check";
import { Figures, type Usage } from "../../src/process/figures.ts";
import { NO_EXIT, sampleOf } from "../support/recorded-tree.ts";

const MB = 2 ** 20;
const MOST = availableParallelism() * 100;
const TICK = 0.01;

/** CPU percent after each look, given as milliseconds and CPU seconds. */
function percents(...looks: readonly (readonly [number, number])[]): number[] {
	const figures = new Figures();
	return looks.map(
		([at, cpuSeconds]) => figures.add(sampleOf({ cpuSeconds }), at).cpuPercent,
	);
}

/** What a process that burns a share of a core, counted in ticks, is said to use at each look. */
function burning(share: number, times: readonly number[]): number[] {
	return percents(
		...times.map((at) => {
			const seconds = (at / 1000) * share;
			return [at, Math.floor(seconds / TICK) * TICK] as const;
		}),
	);
}

const every = (step: number, until: number): number[] =>
	Array.from({ length: until / step }, (_, index) => (index + 1) * step);

/** A sample of so much memory, and what one member had at most. */
const memory = (megabytes: number, peak = 0) =>
	sampleOf({ memoryBytes: megabytes * MB, peakMemoryBytes: peak * MB });

describe("CPU percent", () => {
	it.each([
		["nothing", 0, 0],
		["half a core", 0.01, 50],
		["a whole one", 0.02, 100],
	])("of a first look at %s is true", (_, seconds, percent) => {
		expect(percents([20, seconds])).toEqual([percent]);
	});

	it("is above 0 as soon as a tick has passed", () => {
		for (const at of [10, 12, 15, 19, 35])
			expect(percents([at, TICK])[0]).toBeGreaterThanOrEqual(25);
	});

	it("is no more than the machine has, though a tick is more than the time", () => {
		expect(percents([1, TICK])).toEqual([MOST]);
		expect(percents([1, 5])).toEqual([MOST]);
	});

	it("is 0 where no time has passed", () => {
		expect(percents([0, TICK])).toEqual([0]);
		expect(percents([0, 0], [0, 0])).toEqual([0, 0]);
	});

	it("is never negative, also where a count falls or a clock goes back", () => {
		const shown = percents([1000, 5], [2000, 1], [1500, 6]);
		expect(Math.min(...shown)).toBeGreaterThanOrEqual(0);
		fc.assert(
			fc.property(
				fc.array(
					fc.tuple(
						fc.nat(100_000),
						fc.double({ min: 0, max: 1e6, noNaN: true }),
					),
				),
				(looks) => {
					for (const percent of percents(...looks)) {
						expect(percent).toBeGreaterThanOrEqual(0);
						expect(percent).toBeLessThanOrEqual(MOST);
					}
				},
			),
		);
	});

	it.each([
		[0.01, 20],
		[0.1, 100],
		[0.5, 300],
		[1, 1000],
		[1, 1100],
	])(
		"of %d of a core is that to a few percent, looked at every %d ms",
		(share, step) => {
			const settled = burning(share, every(step, 6600)).filter(
				(_, index) => (index + 1) * step >= 1000,
			);
			for (const percent of settled) {
				// Of half a second at the least, in which a tick is 2 percent.
				expect(percent).toBeGreaterThan(share * 100 - 2.1);
				expect(percent).toBeLessThan(share * 100 + 2.1);
			}
		},
	);

	it("follows a change within about a second, however often it is asked for", () => {
		for (const step of [5, 50, 200, 500, 1000]) {
			const times = every(step, 20_000);
			const seconds = (at: number) => Math.max(0, at - 10_000) / 1000;
			const shown = percents(...times.map((at) => [at, seconds(at)] as const));
			const at = (time: number) => shown[times.indexOf(time)];
			expect(at(10_000)).toBe(0);
			expect(at(11_000)).toBeGreaterThan(60);
			expect(at(12_000)).toBe(100);
		}
	});

	it("of what has stopped falls to 0 within about a second", () => {
		const times = every(100, 12_000);
		const shown = percents(
			...times.map((at) => [at, Math.min(at, 10_000) / 1000] as const),
		);
		expect(shown[times.indexOf(10_000)]).toBeCloseTo(100, 5);
		expect(shown[times.indexOf(11_000)]).toBe(0);
	});

	it("is of the time since the last look where that is longer", () => {
		expect(percents([1000, 0], [11_000, 5]).at(-1)).toBe(50);
	});
});

describe("peak memory", () => {
	it("is the most that a look has shown", () => {
		const figures = new Figures();
		const peaks = [30, 80, 20].map((size, index) =>
			figures.add(memory(size), 100 * (index + 1)),
		);
		expect(peaks.map(({ peakMemoryMB }) => peakMemoryMB)).toEqual([30, 80, 80]);
		expect(peaks.at(-1)?.memoryMB).toBe(20);
	});

	it("is what one member had between two looks, where the system remembers it", () => {
		const figures = new Figures();
		expect(figures.add(memory(30, 90), 100).peakMemoryMB).toBe(90);
		expect(figures.add(memory(30), 200).peakMemoryMB).toBe(90);
	});

	it("is not this server's memory, which a child has for a moment", () => {
		const figures = new Figures();
		expect(figures.add(memory(120, 120), 3).peakMemoryMB).toBe(120);
		expect(figures.add(memory(2, 2), 25).peakMemoryMB).toBe(2);
		expect(figures.totals(NO_EXIT).peakMemoryMB).toBe(2);
	});

	it("of who ended early is the kernel's, where that is not this server's own", () => {
		const own = process.resourceUsage().maxRSS * 1024;
		const exit = (peakMemoryBytes: number) => ({ ...NO_EXIT, peakMemoryBytes });
		const figures = new Figures();
		expect(figures.totals(exit(own)).peakMemoryMB).toBeUndefined();
		expect(figures.totals(exit(own + 100 * MB)).peakMemoryMB).toBeGreaterThan(
			100,
		);
		figures.add(memory(5), 100);
		expect(figures.totals(exit(own)).peakMemoryMB).toBe(5);
	});
});

describe("totals", () => {
	it("hold what the last look showed, and no present use", () => {
		const figures = new Figures();
		figures.add(
			sampleOf({ cpuSeconds: 2.5, ioReadBytes: 70, ioWriteBytes: 80 }),
			1000,
		);
		expect(figures.totals(NO_EXIT)).toEqual({
			cpuPercent: 0,
			memoryMB: 0,
			threadCount: 0,
			ioRead: 70,
			ioWrite: 80,
			processCount: 0,
			cpuSeconds: 2.5,
			peakMemoryMB: 1,
		});
	});

	it("take the kernel's word where it says more", () => {
		const figures = new Figures();
		figures.add(sampleOf({ cpuSeconds: 2.5 }), 1000);
		const total = (cpuSeconds: number) =>
			figures.totals({ ...NO_EXIT, cpuSeconds }).cpuSeconds;
		expect(total(3.21)).toBe(3.21);
		expect(total(1)).toBe(2.5);
	});

	it("of what nobody has looked at say what is unknown", () => {
		const { ioRead, ioWrite, peakMemoryMB, cpuSeconds } = new Figures().totals({
			...NO_EXIT,
			cpuSeconds: 0.0149,
		});
		expect({ ioRead, ioWrite, peakMemoryMB }).toEqual({
			ioRead: undefined,
			ioWrite: undefined,
			peakMemoryMB: undefined,
		});
		expect(cpuSeconds).toBe(0.01);
	});
});

describe("what is shown", () => {
	it("is rounded to hundredths, in the units it says", () => {
		const usage: Usage = new Figures().add(
			sampleOf({
				cpuSeconds: 1.234567,
				memoryBytes: 3.456789 * MB,
				ioReadBytes: 12_345,
			}),
			3000,
		);
		expect(usage).toMatchObject({
			cpuSeconds: 1.23,
			memoryMB: 3.46,
			peakMemoryMB: 3.46,
			cpuPercent: 41.15,
			ioRead: 12_345,
		});
	});

	it("goes into the history with its time in whole milliseconds", () => {
		const figures = new Figures();
		figures.add(sampleOf({ cpuSeconds: 0.333 }), 1000.4);
		figures.add(sampleOf({ cpuSeconds: 0.333 }), 2000.6);
		expect(figures.history()).toEqual([
			{ at: 1000, cpuPercent: 33.29, memoryMB: 1, processCount: 1 },
			{ at: 2001, cpuPercent: 0, memoryMB: 1, processCount: 1 },
		]);
	});
});
