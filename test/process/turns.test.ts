import { describe, expect, it } from "bun:test";
import { Turns, yieldAfter } from "../../src/process/turns.ts";
import { spend } from "../support/spend.ts";

describe("Turns", () => {
	it("does at once what there is time for", () => {
		expect(new Turns().run(() => 7)).toBe(7);
	});

	it("does everything, in order, and lets others in between", async () => {
		const turns = new Turns();
		const order: (number | string)[] = [];
		const done = Array.from({ length: 20 }, (_, count) =>
			turns.run(() => {
				spend(2);
				order.push(count);
			}),
		);
		setTimeout(() => order.push("other"), 0);
		await Promise.all(done);
		expect(order.filter((each) => each !== "other")).toEqual(
			Array.from({ length: 20 }, (_, count) => count),
		);
		expect(order.indexOf("other")).toBeGreaterThan(0);
		expect(order.indexOf("other")).toBeLessThan(15);
	});

	it("passes on what the work throws, and goes on", async () => {
		const turns = new Turns();
		const fail = () => {
			throw new Error("gone");
		};
		expect(() => turns.run(fail)).toThrow("gone");
		spend(1);
		turns.run(() => spend(10));
		const later = Promise.resolve(turns.run(fail));
		const last = turns.run(() => "done");
		await expect(later).rejects.toThrow("gone");
		expect(await last).toBe("done");
	});
});

describe("yieldAfter", () => {
	it("lets others have their turn once its time is spent, and not before", async () => {
		let turned = false;
		setImmediate(() => {
			turned = true;
		});
		const now = performance.now();
		expect(await yieldAfter(now)).toBe(now);
		expect(turned).toBe(false);
		expect(await yieldAfter(now - 1000)).toBeGreaterThanOrEqual(now);
		expect(turned).toBe(true);
	});
});
