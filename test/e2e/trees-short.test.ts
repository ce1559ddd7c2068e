import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { readdirSync } from "node:fs";
import { AWKWARD_CONFIG } from "../support/awkward.ts";
import { guardsOf, treeGroupsOf, zombiesOf } from "../support/marked.ts";
import { memoryOf } from "../support/proc.ts";
import { fixture, PYTHON } from "../support/programs.ts";
import { times } from "../support/random.ts";
import { eventually, TestServer } from "../support/server.ts";
import { WAYS } from "../support/ways.ts";

setDefaultTimeout(120_000);

const CONFIG = {
	...AWKWARD_CONFIG,
	allowedExecutables: [PYTHON, "sleep", "true"],
};

/** MB that a thousand trees may leave. */
const MOST_GROWTH = 20;

describe.each(WAYS)("$name,", (way) => {
	const { name, wrapper } = way;
	// What both have in common would leak in the first one; the second one has its own.
	const count = way === WAYS[0] ? 1000 : 300;

	it(`${count} short trees leave nothing behind`, async () => {
		await using server = await TestServer.start(
			{ ...CONFIG, maxFinishedProcesses: 50 },
			{ wrapper },
		);
		const { pid } = server;
		const one = async (index: number) => {
			const [executable, args] =
				index % 5 === 0
					? [PYTHON, ["-S", "-E", fixture("daemon.py"), "0.05"]]
					: index % 2
						? ["sleep", ["0.01"]]
						: ["true", []];
			await server.ok("process_start", { executable, args });
		};
		const settle = () =>
			eventually(
				async () => {
					const { processes } = await server.ok("process_list", {
						state: "running",
					});
					return (
						(processes.length === 0 && zombiesOf(pid).length === 0) || undefined
					);
				},
				"all of them to end",
				40_000,
			);
		const look = async () => {
			await settle();
			await Bun.sleep(1500);
			return {
				descriptors: readdirSync(`/proc/${pid}/fd`).length,
				groups: treeGroupsOf(pid),
				rss: memoryOf(pid) / 2 ** 20,
			};
		};
		await times(100, 10, one);
		const before = await look();
		await times(count, 10, one);
		const after = await look();
		console.log(`${name}, ${count} short trees:`, before, after);
		expect(after.descriptors).toBeLessThanOrEqual(before.descriptors);
		// One is there for the next process.
		expect(after.groups).toBeLessThanOrEqual(1);
		let growth = after.rss - before.rss;
		if (growth >= MOST_GROWTH) {
			// A heap may grow once more; a leak does it again.
			await times(count, 10, one);
			growth = (await look()).rss - after.rss;
		}
		expect(growth).toBeLessThan(MOST_GROWTH);
		expect(zombiesOf(pid)).toEqual([]);
		expect(guardsOf(pid)).toHaveLength(1);
	});
});
