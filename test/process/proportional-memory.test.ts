import { describe, expect, it } from "bun:test";
import { proportionalMemory } from "../../src/process/proportional-memory.ts";
import { python } from "../support/managed.ts";
import { RecordedTree } from "../support/recorded-tree.ts";
import { spend } from "../support/spend.ts";

class DearTree extends RecordedTree {
	override *proportionalMemory(): Generator<number, void> {
		for (let member = 0; member < 100; member++) {
			spend(1);
			yield 10;
		}
	}
}

describe("proportionalMemory", () => {
	it("is the sum over all members, and lets the event loop turn in between", async () => {
		let turned = 0;
		let isOver = false;
		const turn = () => {
			turned++;
			if (!isOver) setImmediate(turn);
		};
		setImmediate(turn);
		expect(await proportionalMemory(new DearTree())).toBe(1000);
		isOver = true;
		expect(turned).toBeGreaterThan(10);
	});

	it("is undefined where the system isn't asked", async () => {
		expect(await proportionalMemory(new RecordedTree())).toBeUndefined();
	});

	it.skipIf(process.platform !== "linux")(
		"counts a page of two real processes once",
		async () => {
			await using running = await python(`
import os, time
block = bytearray(b"x") * (100 * 2**20)
for _ in range(3):
    if os.fork() == 0: time.sleep(60)
print("ready", flush=True)
time.sleep(60)`);
			await running.says(/ready/);
			const { tree } = running.process;
			const MB = 2 ** 20;
			const used = ((await proportionalMemory(tree)) ?? 0) / MB;
			expect(used).toBeGreaterThan(100);
			expect(used).toBeLessThan(150);
			const sample = await tree.sample();
			expect((sample?.memoryBytes ?? 0) / MB).toBeGreaterThan(400);
		},
	);
});
