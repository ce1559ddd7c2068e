import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { AWKWARD_CONFIG } from "../support/awkward.ts";
import { guardsOf, Mark, treeGroupsOf, zombiesOf } from "../support/marked.ts";
import { fixture, PYTHON } from "../support/programs.ts";
import { times } from "../support/random.ts";
import { RawServer } from "../support/raw.ts";
import { eventually, type Success, TestServer } from "../support/server.ts";
import { WAYS } from "../support/ways.ts";

setDefaultTimeout(120_000);

const CONFIG = {
	...AWKWARD_CONFIG,
	allowedExecutables: [PYTHON, "sleep", "true"],
};

/** MB that a thousand trees may leave. */
const MOST_GROWTH = 20;

describe.each(WAYS)("$name,", ({ name: way, wrapper }) => {
	it.each([
		["heed SIGTERM", "sleep", (mark: string) => [mark], 500],
		[
			"ignore SIGTERM",
			PYTHON,
			(mark: string) => [fixture("stubborn-children.py"), "1", mark],
			100,
		],
	] as const)(
		"many trees that %s are ended at once, and pings answered meanwhile",
		async (manner, executable, args, count) => {
			await using server = await RawServer.start(CONFIG, { wrapper });
			await using mark = new Mark();
			const starts = Array.from({ length: count }, (_, index) =>
				callOf(`start-${index}`, "process_start", {
					executable,
					args: args(mark.text),
				}),
			);
			const before = server.arrivals.lines;
			server.write(starts.join(""));
			await eventually(
				() => server.arrivals.lines === before + count || undefined,
				"every start to be answered",
			);
			const pids = resultsOf(server, "start-").map(({ pid }) => Number(pid));
			expect(pids).toHaveLength(count);
			const size = count * (executable === PYTHON ? 2 : 1);
			await eventually(
				() => mark.alive().length === size || undefined,
				"all of them to be there",
			);
			await Bun.sleep(500);
			const { lines } = server.arrivals;
			const ends = pids.map((pid) =>
				callOf(`end-${pid}`, "process_terminate", { pid, timeout: 500 }),
			);
			const began = performance.now();
			server.write(ends.join(""));
			const pings = new Map<string, number>();
			// The answers are only counted meanwhile: this process has to be quick, too.
			while (server.arrivals.lines < lines + count + pings.size) {
				const id = `ping-${pings.size}`;
				pings.set(id, performance.now());
				server.send({ jsonrpc: "2.0", id, method: "ping" });
				await Bun.sleep(5);
				if (performance.now() - began > 20_000) break;
			}
			const arrivals = server.arrivals.byId();
			const took = Math.round(
				Math.max(...pids.map((pid) => arrivals.get(`end-${pid}`) ?? Infinity)) -
					began,
			);
			const delays = [...pings]
				.map(([id, sent]) => Math.round((arrivals.get(id) ?? Infinity) - sent))
				.sort((a, b) => a - b);
			const worst = delays.at(-1) ?? 0;
			console.log(
				`${way}, ${count} that ${manner}: ${took} ms of 3000; ${delays.length} pings, median ${delays[delays.length >> 1]} ms, worst ${worst} ms of 100`,
			);
			for (const result of resultsOf(server, "end-"))
				expect(result).toMatchObject({ survivors: [] });
			expect(mark.alive()).toEqual([]);
			expect(took).toBeLessThan(3000);
			// Of one ping alone a busy machine can make anything.
			const median = delays[delays.length >> 1] ?? 0;
			expect(median).toBeLessThan(100);
			expect(worst).toBeLessThan(500);
		},
	);

	it("a thousand short trees leave nothing behind", async () => {
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
				10_000,
			);
		const look = async () => {
			await settle();
			await Bun.sleep(1500);
			return {
				descriptors: readdirSync(`/proc/${pid}/fd`).length,
				groups: treeGroupsOf(pid),
				rss: residentMB(pid),
			};
		};
		await times(200, 10, one);
		const before = await look();
		await times(1000, 10, one);
		const after = await look();
		console.log(`${way}, a thousand short trees:`, before, after);
		expect(after.descriptors).toBeLessThanOrEqual(before.descriptors);
		expect(after.groups).toBe(0);
		let growth = after.rss - before.rss;
		if (growth >= MOST_GROWTH) {
			// A heap may grow once more; a leak does it again.
			await times(1000, 10, one);
			growth = (await look()).rss - after.rss;
		}
		expect(growth).toBeLessThan(MOST_GROWTH);
		expect(zombiesOf(pid)).toEqual([]);
		expect(guardsOf(pid)).toHaveLength(1);
	});
});

function residentMB(pid: number): number {
	const status = readFileSync(`/proc/${pid}/status`, "utf8");
	return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

/** A line that calls a tool. */
function callOf(id: string, name: string, args: unknown): string {
	const params = { name, arguments: args };
	const call = { jsonrpc: "2.0", id, method: "tools/call", params };
	return `${JSON.stringify(call)}\n`;
}

/** What the calls gave whose ids begin like that. */
function resultsOf(server: RawServer, prefix: string): Success[] {
	return server
		.messages()
		.filter(({ id }) => String(id).startsWith(prefix))
		.map(({ result }) => (result as Success).structuredContent as Success);
}
