import { describe, expect, it } from "bun:test";
import { ProcessTable } from "../../src/platform/process-table.ts";
import { RecordedProcesses } from "../support/processes.ts";

describe("a process table", () => {
	it("is in the order of starts", () => {
		const system = new RecordedProcesses();
		system.fork(1, 601);
		system.fork(601, 300);
		const table = new ProcessTable(system);
		expect(table.list().map(({ pid }) => pid)).toEqual([1, 601, 300]);
	});

	it("tells of a shared list what has ended since, pids that came again included", () => {
		const system = new RecordedProcesses();
		system.fork(1, 601);
		system.fork(1, 602);
		let now = 0;
		const table = new ProcessTable(
			{
				find: (pid) => system.find(pid),
				list() {
					now++;
					return system.list();
				},
			},
			() => now,
		);
		const pids = () =>
			table
				.list()
				.filter((entry) => !table.hasEndedSince(entry))
				.map(({ pid }) => pid);
		expect(pids()).toEqual([1, 601, 602]);
		system.exit(601);
		system.reap(602);
		system.fork(1, 602);
		expect(pids()).toEqual([1]);
	});

	it("shares a list for five times as long as it took, unless told not to", () => {
		const system = new RecordedProcesses();
		let now = 0;
		let lists = 0;
		const table = new ProcessTable(
			{
				find: (pid) => system.find(pid),
				list() {
					lists++;
					now += 2;
					return system.list();
				},
			},
			() => now,
		);
		table.list();
		now += 9;
		table.list();
		expect(lists).toBe(1);
		now += 1;
		table.list();
		expect(lists).toBe(2);
		table.listAnew();
		expect(lists).toBe(3);
		table.expire();
		table.list();
		expect(lists).toBe(4);
	});
});
