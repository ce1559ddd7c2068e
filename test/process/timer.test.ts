import { describe, expect, it } from "bun:test";
import { after, settlesWithin, sleep } from "../../src/process/timer.ts";

/** Longer than any timer here needs, and over as soon as it isn't needed. */
const LONG = 20_000;

describe("after", () => {
	it("calls its action once", async () => {
		let calls = 0;
		await new Promise<void>((resolve) => {
			after(1, () => {
				calls++;
				resolve();
			});
		});
		await sleep(5);
		expect(calls).toBe(1);
	});

	it("waits no less than its delay", async () => {
		const start = performance.now();
		await sleep(60);
		expect(performance.now() - start).toBeGreaterThanOrEqual(59);
	});

	it("does not call it once cancelled, however often that is done", async () => {
		let called = false;
		const cancel = after(5, () => {
			called = true;
		});
		cancel();
		cancel();
		await sleep(30);
		expect(called).toBe(false);
	});

	it.each([2 ** 31 - 1, 2 ** 31, 2 ** 32 + 1, 1e15])(
		"does not fire at once for %d ms",
		async (delay) => {
			let called = false;
			const cancel = after(delay, () => {
				called = true;
			});
			try {
				await sleep(30);
				expect(called).toBe(false);
			} finally {
				cancel();
			}
		},
	);

	it("makes a long delay of several steps, none left out", async () => {
		const start = performance.now();
		await new Promise<void>((resolve) => {
			after(100, resolve, 7);
		});
		expect(performance.now() - start).toBeGreaterThanOrEqual(99);
	});

	it("can be cancelled in a later step", async () => {
		let called = false;
		const cancel = after(
			60,
			() => {
				called = true;
			},
			5,
		);
		await sleep(20);
		cancel();
		await sleep(100);
		expect(called).toBe(false);
	});

	it.each([0, -1, -1e12])("fires soon for %d ms", async (delay) => {
		const fired = new Promise<string>((resolve) => {
			after(delay, () => resolve("fired"));
		});
		const late = sleep(LONG).then(() => "not fired");
		expect(await Promise.race([fired, late])).toBe("fired");
	});
});

describe("settlesWithin", () => {
	it("says whether a promise resolved in time", async () => {
		expect(await settlesWithin(Promise.resolve(), LONG)).toBe(true);
		expect(await settlesWithin(new Promise(() => {}), 5)).toBe(false);
	});

	it("takes a rejection for settled, and handles it", async () => {
		expect(await settlesWithin(Promise.reject(new Error("no")), LONG)).toBe(
			true,
		);
	});

	it("leaves no timer behind once the promise has settled", async () => {
		const before = performance.now();
		const child = Bun.spawn({
			cmd: [
				process.execPath,
				"-e",
				`const { settlesWithin } = await import(${JSON.stringify(`${import.meta.dir}/../../src/process/timer.ts`)});
				await settlesWithin(Promise.resolve(), 60_000);`,
			],
			stdio: ["ignore", "ignore", "inherit"],
		});
		expect(await child.exited).toBe(0);
		expect(performance.now() - before).toBeLessThan(30_000);
	});
});
