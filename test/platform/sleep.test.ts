import { describe, expect, it } from "bun:test";
import { readStat } from "../../src/platform/procfs.ts";
import { Seen, Sleep } from "../../src/platform/sleep.ts";
import { openDescriptors } from "../support/descriptors.ts";
import { obedient, tell } from "../support/obedient.ts";
import { eventually } from "../support/server.ts";

const asleep = (pid: number) =>
	eventually(
		() => readStat(pid)?.state === "S" || undefined,
		"the process to sleep",
	);

describe.skipIf(process.platform !== "linux")("Sleep", () => {
	it("lasts until the process does anything, however little", async () => {
		await using running = await obedient();
		const { pid } = running.launched;
		const sleep = new Sleep();
		await asleep(pid);
		const first = sleep.since([pid]);
		expect(first).toBeNumber();
		expect(sleep.since([pid])).toBe(first);
		for (let round = 0; round < 20; round++) {
			const before = sleep.since([pid]);
			await tell(running, `word ${round}`);
			// It may not have gone to sleep again, which is no sleep at all.
			expect(sleep.since([pid])).not.toBe(before as number);
			await asleep(pid);
		}
		sleep.close();
	});

	it("is not known of one who runs, of threads, of several, and of nobody", async () => {
		await using running = await obedient();
		await using other = await obedient();
		const { pid } = running.launched;
		const sleep = new Sleep();
		await asleep(pid);
		expect(sleep.since([pid])).toBeNumber();
		expect(sleep.since([pid, other.launched.pid])).toBeUndefined();
		expect(sleep.since([])).toBeUndefined();
		await tell(running, "thread");
		await asleep(pid);
		expect(sleep.since([pid])).toBeUndefined();
		expect(sleep.since([pid])).toBeUndefined();
		await tell(other, "burn");
		expect(sleep.since([other.launched.pid])).toBeUndefined();
		expect(sleep.since([other.launched.pid])).toBeUndefined();
		sleep.close();
	});

	it("ends with the process, and keeps nothing open", async () => {
		// Not all descriptors: the runtime closes some of an earlier test's later on.
		const counters = () =>
			[...openDescriptors().values()].filter((name) =>
				name.includes("/schedstat"),
			).length;
		const before = counters();
		const sleep = new Sleep();
		{
			await using running = await obedient();
			const { pid } = running.launched;
			await asleep(pid);
			const since = sleep.since([pid]);
			expect(counters()).toBe(before + 1);
			process.kill(pid, "SIGKILL");
			await running.process.ended;
			expect(sleep.since([pid])).not.toBe(since as number);
			expect(sleep.since([pid])).toBeUndefined();
		}
		sleep.close();
		expect(counters()).toBe(before);
	});
});

describe("Seen", () => {
	it("is looked at once in a sleep, and each time where there is none", () => {
		let looks = 0;
		const seen = new Seen<number>();
		const get = (since: number | undefined) => seen.get(since, () => ++looks);
		expect([get(1), get(1), get(2), get(2)]).toEqual([1, 1, 2, 2]);
		expect([get(undefined), get(undefined), get(3)]).toEqual([3, 4, 5]);
	});
});

describe.skipIf(process.platform !== "linux")("a tree that sleeps", () => {
	it("is seen as it is as soon as it has told of a change, every time", async () => {
		await using running = await obedient();
		const { tree, pid } = running.launched;
		await asleep(pid);
		expect(tree.listeningPorts()).toEqual([]);
		expect(tree.inputReader?.()).toBe(pid);
		const ports: number[] = [];
		for (let round = 0; round < 20; round++) {
			expect(tree.listeningPorts()).toHaveLength(round);
			expect(tree.inputReader?.()).toBeOneOf([pid, undefined]);
			const lines = new RegExp(`(?:^\\d+\n){${round + 1}}`, "m");
			const said = await tell(running, "listen", lines);
			ports.push(Number(said.trim().split("\n").at(-1)));
			expect(tree.listeningPorts()).toEqual(ports.toSorted((a, b) => a - b));
			if (round % 2) await asleep(pid);
		}
	});
});
