import { describe, expect, it } from "bun:test";
import { type Judge, Monitor } from "../../src/process/monitor.ts";
import {
	type RecordedProcess,
	RecordedTree,
	sampleOf,
} from "../support/recorded-tree.ts";
import { eventually } from "../support/server.ts";
import { spend } from "../support/spend.ts";
import { TimerCount } from "../support/timers.ts";
import { looksAt, watch } from "../support/watched.ts";

describe("Monitor's loop", () => {
	it("looks early, and then about once a second", async () => {
		const { tree, since, end } = bound(watch(new Monitor()));
		const isOld = (time: number) => time > 700;
		const times = await eventually(() => {
			const all = tree.after(since);
			return all.filter(isOld).length >= 4 ? all : undefined;
		}, "four late looks");
		// Each is put off a little, and a busy machine is late.
		for (const early of [20, 60, 140, 300, 600])
			expect(
				times.some((time) => time >= early - 11 && time < early + 150),
			).toBe(true);
		expect(times.filter((time) => !isOld(time)).length).toBeLessThan(8);
		const late = times.filter(isOld);
		for (const [index, time] of late.slice(1).entries()) {
			const pause = time - (late[index] ?? 0);
			expect(pause).toBeGreaterThanOrEqual(900);
			expect(pause).toBeLessThan(1400);
		}
		await end();
	});

	it("does nothing while nothing is watched", async () => {
		const { tree, process, end } = bound(watch(new Monitor()));
		await looksAt(tree, 2);
		await end();
		expect(process.state).toBe("stopped");
		await Bun.sleep(20);
		const { length } = tree.looks;
		await Bun.sleep(1500);
		expect(tree.looks).toHaveLength(length);
	});

	it("has no timer left once nothing is watched", async () => {
		using timers = new TimerCount();
		const { tree, end } = bound(watch(new Monitor()));
		await looksAt(tree, 2);
		expect(timers.open).toBeGreaterThan(0);
		await end();
		await eventually(() => timers.open === 0 || undefined, "no timer");
	});

	it("starts again with the next one", async () => {
		const monitor = new Monitor();
		await bound(watch(monitor)).end();
		await Bun.sleep(100);
		const { tree, end } = bound(watch(monitor));
		await looksAt(tree, 3);
		await end();
	});

	it("has one look under way at a time, however long it takes", async () => {
		const monitor = new Monitor();
		let open = 0;
		let most = 0;
		const slow = async () => {
			most = Math.max(most, ++open);
			await Bun.sleep(60);
			open--;
			return sampleOf();
		};
		const all = Array.from({ length: 6 }, () =>
			watch(monitor, new RecordedTree(slow)),
		);
		for (const { tree } of all) await looksAt(tree, 4);
		expect(most).toBe(1);
		for (const { tree } of all) expect(tree.mostOpen).toBe(1);
		await Promise.all(all.map((each) => each.end()));
	});

	it("outlives one that ends while it is looked at", async () => {
		const monitor = new Monitor();
		const sample = Promise.withResolvers<undefined>();
		const ending = watch(monitor, new RecordedTree(() => sample.promise));
		const other = watch(monitor);
		await looksAt(ending.tree, 1);
		await ending.end();
		sample.resolve(undefined);
		await looksAt(other.tree, 3);
		expect(ending.tree.looks).toHaveLength(1);
		expect(await monitor.usage(ending.process)).toMatchObject({
			processCount: 0,
			memoryMB: 0,
		});
		await other.end();
	});

	it("outlives a look that fails, and does not repeat it without a pause", async () => {
		const monitor = new Monitor();
		const failing = watch(
			monitor,
			new RecordedTree(() => Promise.reject(new Error("too many open files"))),
		);
		const other = watch(monitor);
		await looksAt(other.tree, 5);
		expect(failing.tree.looks.length).toBeLessThanOrEqual(8);
		await Promise.all([failing.end(), other.end()]);
	});

	it("gives a judge every full look, as soon as it wants the next", async () => {
		const seen: number[] = [];
		const judge: Judge = ({ memoryBytes }) => {
			seen.push(memoryBytes);
			return 20;
		};
		let size = 0;
		const tree = new RecordedTree(() => sampleOf({ memoryBytes: ++size }));
		const { since, end } = bound(watch(new Monitor(), tree, judge));
		await Bun.sleep(2000);
		const pauses = tree
			.after(since)
			.map((at, index, all) => at - (all[index - 1] ?? 0))
			.sort((a, b) => a - b);
		const median = pauses[Math.floor(pauses.length / 2)];
		expect(pauses[0]).toBeGreaterThanOrEqual(5);
		expect(median).toBeGreaterThanOrEqual(15);
		expect(median).toBeLessThanOrEqual(30);
		expect(seen).toEqual(Array.from(seen, (_, index) => index + 1));
		expect(seen).toHaveLength(tree.looks.length);
		await end();
	});

	it("is not kept from a judge's looks by many trees that nobody judges", async () => {
		const monitor = new Monitor();
		const crowd = Array.from({ length: 300 }, () =>
			watch(
				monitor,
				new RecordedTree(() => {
					spend(0.1);
					return sampleOf();
				}),
			),
		);
		const judged = watch(monitor, new RecordedTree(), () => 20);
		await Bun.sleep(1000);
		const from = judged.tree.looks.length;
		await Bun.sleep(2000);
		expect(judged.tree.looks.length - from).toBeGreaterThan(40);
		await Promise.all([...crowd, judged].map((each) => each.end()));
	});

	it("takes about a percent of a core and no more, however dear its looks are", async () => {
		const monitor = new Monitor();
		const DEAR = 2;
		const all = Array.from({ length: 20 }, () =>
			watch(
				monitor,
				new RecordedTree(() => {
					spend(DEAR);
					return sampleOf();
				}),
			),
		);
		const total = () =>
			all.reduce((sum, { tree }) => sum + tree.looks.length, 0);
		// The early looks teach it what one costs.
		await eventually(
			() => all.every(({ tree }) => tree.looks.length >= 3) || undefined,
			"the early looks",
		);
		const before = total();
		await Bun.sleep(10_000);
		const share = ((total() - before) * DEAR) / 10_000;
		expect(share).toBeLessThan(0.02);
		await Promise.all(all.map((each) => each.end()));
	}, 60_000);

	it("leaves a burst of starts its time: their first looks are spread out, and not made up for", async () => {
		const monitor = new Monitor();
		const COUNT = 200;
		const all = Array.from({ length: COUNT }, () =>
			watch(
				monitor,
				new RecordedTree(() => {
					spend(0.5);
					return sampleOf();
				}),
			),
		);
		await Bun.sleep(6000);
		const looks = all.reduce((sum, { tree }) => sum + tree.looks.length, 0);
		// By then one alone would have had ten, and all of them together 2000.
		expect(looks).toBeGreaterThan(COUNT / 2);
		expect(looks).toBeLessThan(COUNT * 3);
		await Promise.all(all.map((each) => each.end()));
	}, 30_000);

	it("goes on looking at what an ended process left", async () => {
		const monitor = new Monitor();
		const { tree, process, exit, end } = bound(watch(monitor));
		await looksAt(tree, 1);
		exit();
		await process.ended;
		await looksAt(tree, tree.looks.length + 2);
		expect(await monitor.usage(process)).toMatchObject({ processCount: 1 });
		await end();
	});
});

describe("what an ended process left behind", () => {
	/** A leader that ends after half a second; what it left burns a whole core. */
	async function leftBehind() {
		const monitor = new Monitor();
		let since = 0;
		const tree = new RecordedTree(() =>
			sampleOf({ cpuSeconds: (performance.now() - since) / 1000 }),
		);
		since = performance.now();
		const recorded = watch(monitor, tree);
		await Bun.sleep(500);
		recorded.exit();
		await recorded.process.ended;
		return { monitor, recorded };
	}

	it("is measured by the time that passes", async () => {
		const { monitor, recorded } = await leftBehind();
		await Bun.sleep(2000);
		const { cpuPercent } = await monitor.usage(recorded.process);
		expect(cpuPercent).toBeGreaterThan(90);
		expect(cpuPercent).toBeLessThan(110);
		await recorded.end();
	});

	it("has a history that goes on", async () => {
		const { monitor, recorded } = await leftBehind();
		await Bun.sleep(4000);
		const points = monitor.history(recorded.process);
		expect(points.length).toBeGreaterThanOrEqual(4);
		expect(points.at(-1)?.at).toBeGreaterThan(3000);
		await recorded.end();
	});

	it("counts no less than the kernel's word on who ended", async () => {
		const monitor = new Monitor();
		const tree = new RecordedTree(() => sampleOf({ cpuSeconds: 0.5 }));
		const { process, exit, end } = bound(watch(monitor, tree));
		await looksAt(tree, 1);
		exit({ cpuSeconds: 1.5 });
		await process.ended;
		const { cpuSeconds } = await monitor.usage(process);
		expect(cpuSeconds).toBeGreaterThanOrEqual(1.5);
		await end();
	});
});

/** The same, with methods that can be taken apart. */
function bound(recorded: RecordedProcess & { readonly since: number }) {
	const { tree, process, since } = recorded;
	return {
		tree,
		process,
		since,
		exit: recorded.exit.bind(recorded),
		end: recorded.end.bind(recorded),
	};
}
