import { describe, expect, it } from "bun:test";
import type { ProcessUsage } from "../../src/platform/darwin-tree.ts";
import { LEADER, meter, setUp } from "../support/darwin-tree.ts";

describe("a sample", () => {
	const usage: ProcessUsage = {
		cpuSeconds: 1.5,
		childCpuSeconds: 0.25,
		memoryBytes: 1000,
		peakMemoryBytes: 1500,
		threads: 3,
		ioReadBytes: 10,
		ioWriteBytes: 20,
	};

	it("adds up what members use", async () => {
		const { system, tree, table } = setUp(meter({ usage: () => usage }));
		system.fork(LEADER, 601);
		table.expire();
		expect(await tree.sample()).toEqual({
			processCount: 2,
			threadCount: 6,
			cpuSeconds: 3.5,
			memoryBytes: 2000,
			peakMemoryBytes: 1500,
			ioReadBytes: 20,
			ioWriteBytes: 40,
		});
	});

	it("counts a member that is another user's for a process that uses nothing", async () => {
		const { system, tree, table } = setUp(
			meter({ usage: (pid) => (pid === LEADER ? usage : undefined) }),
		);
		system.fork(LEADER, 601);
		table.expire();
		expect(await tree.sample()).toMatchObject({
			processCount: 2,
			cpuSeconds: 1.75,
		});
	});

	/** A tree whose members use what is set; each sample is of a new list. */
	function measured() {
		const used = new Map<number, Partial<ProcessUsage>>();
		const parts = setUp(
			meter({
				usage(pid) {
					const own = used.get(pid);
					return own && { ...usage, childCpuSeconds: 0, ...own };
				},
			}),
		);
		const figures = async () => {
			parts.table.expire();
			const sample = await parts.tree.sample();
			return [sample?.cpuSeconds, sample?.ioReadBytes, sample?.ioWriteBytes];
		};
		return { ...parts, used, figures };
	}

	it("counts a child on that ended, before and after its parent waits", async () => {
		const { system, used, figures } = measured();
		used.set(LEADER, { cpuSeconds: 1 });
		used.set(601, { cpuSeconds: 4 });
		system.fork(LEADER, 601);
		expect(await figures()).toEqual([5, 20, 40]);
		// It used one more, and waits to be reaped for a few looks.
		used.set(601, { cpuSeconds: 5, ioReadBytes: 15 });
		system.exit(601);
		for (let look = 0; look < 3; look++)
			expect(await figures()).toEqual([6, 25, 40]);
		used.delete(601);
		used.set(LEADER, { cpuSeconds: 1, childCpuSeconds: 5 });
		system.reap(601);
		expect(await figures()).toEqual([6, 25, 40]);
		used.set(LEADER, { cpuSeconds: 2, childCpuSeconds: 5, ioWriteBytes: 21 });
		expect(await figures()).toEqual([7, 25, 41]);
	});

	it("counts a child that no look has seen, once its parent has waited", async () => {
		const { used, figures } = measured();
		used.set(LEADER, { cpuSeconds: 1 });
		expect(await figures()).toEqual([1, 10, 20]);
		used.set(LEADER, { cpuSeconds: 1, childCpuSeconds: 3 });
		expect(await figures()).toEqual([4, 10, 20]);
	});

	it("counts an orphan on that launchd has waited for", async () => {
		const { system, used, figures } = measured();
		used.set(LEADER, { cpuSeconds: 1 });
		used.set(601, { cpuSeconds: 2 });
		used.set(602, { cpuSeconds: 3 });
		system.fork(LEADER, 601);
		system.fork(601, 602);
		expect(await figures()).toEqual([6, 30, 60]);
		system.reap(601);
		used.delete(601);
		used.set(LEADER, { cpuSeconds: 1, childCpuSeconds: 2 });
		expect(await figures()).toEqual([6, 30, 60]);
		system.reap(602);
		used.delete(602);
		expect(await figures()).toEqual([6, 30, 60]);
	});

	it("counts anew what has the pid of a member that ended", async () => {
		const { system, used, figures } = measured();
		used.set(LEADER, { cpuSeconds: 1 });
		used.set(601, { cpuSeconds: 4 });
		system.fork(LEADER, 601);
		expect(await figures()).toEqual([5, 20, 40]);
		system.reap(601);
		system.fork(LEADER, 601);
		used.set(LEADER, { cpuSeconds: 1, childCpuSeconds: 4 });
		used.set(601, { cpuSeconds: 2 });
		expect(await figures()).toEqual([7, 30, 60]);
	});

	it("has the memory of living members alone, and the peak of all", async () => {
		const { system, used, tree, table } = measured();
		used.set(LEADER, {});
		used.set(601, { memoryBytes: 5000, peakMemoryBytes: 9000 });
		system.fork(LEADER, 601);
		system.exit(601);
		table.expire();
		expect(await tree.sample()).toMatchObject({
			memoryBytes: 1000,
			peakMemoryBytes: 9000,
		});
	});

	it("is none once nothing lives", async () => {
		const { system, tree } = setUp(meter({ usage: () => usage }));
		system.reap(LEADER);
		expect(await tree.sample()).toBeUndefined();
	});
});
