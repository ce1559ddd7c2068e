import { describe, expect, it } from "bun:test";
import { DarwinTree } from "../../src/platform/darwin-tree.ts";
import { ProcessTable } from "../../src/platform/process-table.ts";
import { LEADER, meter, SERVER, setUp } from "../support/darwin-tree.ts";
import { RecordedProcesses } from "../support/processes.ts";

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
