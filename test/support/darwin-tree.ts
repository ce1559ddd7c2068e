import { DarwinTree, type Meter } from "../../src/platform/darwin-tree.ts";
import { ProcessTable } from "../../src/platform/process-table.ts";
import { RecordedProcesses } from "./processes.ts";

export const SERVER = 500;
export const LEADER = 600;

/** A meter of nothing but what is given. */
export function meter(changes: Partial<Meter> = {}): Meter {
	return {
		usage: () => undefined,
		sockets: () => [],
		listeningPort: () => undefined,
		...changes,
	};
}

/** A server with one tree; every look is a new one. */
export function setUp(meterOfIt = meter()) {
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
