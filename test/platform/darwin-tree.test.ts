import { describe, expect, it } from "bun:test";
import {
	DarwinTree,
	type Meter,
	type ProcessUsage,
} from "../../src/platform/darwin-tree.ts";
import { ProcessTable } from "../../src/platform/process-table.ts";
import { RecordedProcesses } from "../support/processes.ts";

const SERVER = 500;
const LEADER = 600;

/** A meter of nothing but what is given. */
function meter(changes: Partial<Meter> = {}): Meter {
	return {
		usage: () => undefined,
		sockets: () => [],
		listeningPort: () => undefined,
		...changes,
	};
}

/** A server with one tree; every look is a new one. */
function setUp(meterOfIt = meter()) {
	const system = new RecordedProcesses();
	system.fork(1, SERVER);
	system.forkSession(SERVER, LEADER);
	let now = 0;
	const table = new ProcessTable(system, () => now++);
	const tree = new DarwinTree(LEADER, table, meterOfIt);
	const alive = () => {
		table.expire();
		return [...tree.alive()].sort((a, b) => a - b);
	};
	return { system, table, tree, alive };
}

describe("a tree in a table of processes", () => {
	it("is its leader alone at first, and nobody at last", () => {
		const { system, alive } = setUp();
		expect(alive()).toEqual([LEADER]);
		system.reap(LEADER);
		expect(alive()).toEqual([]);
	});

	it("has children, grandchildren and those in sessions of their own", () => {
		const { system, alive } = setUp();
		system.fork(LEADER, 601);
		system.forkSession(601, 602);
		system.fork(602, 603);
		expect(alive()).toEqual([LEADER, 601, 602, 603]);
	});

	it("has neither this server, nor neighbours, nor what launchd started", () => {
		const { system, alive } = setUp();
		system.forkSession(SERVER, 700);
		system.fork(700, 701);
		system.fork(SERVER, 702);
		system.forkSession(1, 703);
		expect(alive()).toEqual([LEADER]);
	});

	it("does not count zombies", () => {
		const { system, alive } = setUp();
		system.fork(LEADER, 601);
		system.exit(601);
		expect(alive()).toEqual([LEADER]);
	});

	it("follows a tree whose leader had ended when it was looked at first", () => {
		const system = new RecordedProcesses();
		system.fork(1, SERVER);
		system.forkSession(SERVER, LEADER);
		system.forkSession(LEADER, 601);
		system.exit(LEADER);
		const tree = new DarwinTree(LEADER, new ProcessTable(system), meter());
		expect(tree.alive()).toEqual([601]);
	});

	it("is no longer looked for once nobody can come any more", () => {
		const { system, table, alive } = setUp();
		system.reap(LEADER);
		for (let look = 0; look < 3; look++) expect(alive()).toEqual([]);
		table.list = () => {
			throw new Error("looked");
		};
		expect(alive()).toEqual([]);
	});

	it("of a leader that never was has nobody", () => {
		const { table } = setUp();
		const tree = new DarwinTree(12_345, table, meter());
		expect(tree.alive()).toEqual([]);
		expect(() => tree.signal("SIGKILL")).not.toThrow();
	});
});

describe("a daemon", () => {
	it("is kept by who started it, never seen before, whatever session it made", () => {
		const { system, alive } = setUp();
		system.forkSession(LEADER, 601);
		system.reap(LEADER);
		expect(alive()).toEqual([601]);
	});

	it("is kept by the one between, which was seen once", () => {
		const { system, alive } = setUp();
		system.forkSession(LEADER, 601);
		expect(alive()).toEqual([LEADER, 601]);
		system.forkSession(601, 602);
		system.reap(601);
		system.reap(LEADER);
		expect(alive()).toEqual([602]);
		system.forkSession(602, 603);
		system.reap(602);
		expect(alive()).toEqual([603]);
	});

	it("is kept by the one between, of which only the zombie was seen", () => {
		const { system, alive } = setUp();
		system.forkSession(LEADER, 601);
		system.forkSession(601, 602);
		system.exit(601);
		expect(alive()).toEqual([LEADER, 602]);
		system.reap(601);
		expect(alive()).toEqual([LEADER, 602]);
	});

	it("is found when the look at which its starter had ended missed it", () => {
		const { system, tree, alive } = setUp();
		system.forkSession(LEADER, 601);
		expect(alive()).toEqual([LEADER, 601]);
		// Started while the list was made, after the place where it would stand.
		const { list } = system;
		system.forkSession(601, 602);
		system.reap(601);
		system.list = () => list.call(system).filter(({ pid }) => pid !== 602);
		expect(alive()).toEqual([LEADER]);
		// Further looks at the same list teach nothing.
		for (let look = 0; look < 4; look++) expect(tree.alive()).toEqual([LEADER]);
		system.list = list;
		expect(alive()).toEqual([LEADER, 602]);
	});

	it("is kept by its group or session, if the one between was never seen", () => {
		const { system, alive } = setUp();
		system.fork(LEADER, 601);
		system.fork(601, 602);
		system.fork(601, 603, { group: 603 });
		system.reap(601);
		system.reap(LEADER);
		expect(alive()).toEqual([602, 603]);
	});

	it("is lost that left both, if the one between was never seen", () => {
		const { system, alive } = setUp();
		system.fork(LEADER, 601);
		system.forkSession(601, 602);
		system.reap(601);
		expect(alive()).toEqual([LEADER]);
	});

	it("is a stray as long as group signals don't reach it", () => {
		const { system, table, tree } = setUp();
		system.fork(LEADER, 601);
		system.forkSession(LEADER, 602);
		table.expire();
		expect(tree.strays()).toMatchObject([{ pid: 602, group: 602 }]);
	});
});

describe("a pid that came again", () => {
	it("is not the member that had it", () => {
		const { system, alive } = setUp();
		system.fork(LEADER, 601);
		expect(alive()).toEqual([LEADER, 601]);
		system.reap(601);
		system.fork(1, 601);
		expect(alive()).toEqual([LEADER]);
	});

	it("of the leader, of whose tree nothing lives, is not the leader", () => {
		const { system, alive } = setUp();
		system.reap(LEADER);
		system.forkSession(1, LEADER);
		system.fork(LEADER, 601);
		expect(alive()).toEqual([]);
	});

	it("of the leader names another's group and session", () => {
		const { system, alive } = setUp();
		system.forkSession(LEADER, 601);
		system.reap(LEADER);
		expect(alive()).toEqual([601]);
		system.forkSession(1, LEADER);
		system.fork(LEADER, 800);
		expect(alive()).toEqual([601]);
		// The other leader ends and leaves its group behind.
		system.reap(LEADER);
		expect(alive()).toEqual([601]);
	});

	it("of the leader does so, too, if only its group was seen", () => {
		const { system, alive } = setUp();
		system.forkSession(LEADER, 601);
		system.reap(LEADER);
		expect(alive()).toEqual([601]);
		system.forkSession(1, LEADER);
		system.fork(LEADER, 800);
		system.reap(LEADER);
		expect(alive()).toEqual([601]);
	});
});

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

describe("the ports of a tree", () => {
	it("are those of all members, ascending, once each", () => {
		const { system, tree, table } = setUp(
			meter({
				sockets: (pid) => (pid === LEADER ? [3, 4] : [5, 6, 7]),
				listeningPort: (_, socket) =>
					new Map([
						[3, 8080],
						[5, 3000],
						[7, 8080],
					]).get(socket),
			}),
		);
		system.fork(LEADER, 601);
		table.expire();
		expect(tree.listeningPorts()).toEqual([3000, 8080]);
	});

	it("are not looked for among too many sockets", () => {
		const sockets = Array.from({ length: 5001 }, (_, fd) => fd);
		const { tree } = setUp(meter({ sockets: () => sockets }));
		expect(tree.listeningPorts()).toBeUndefined();
	});
});
