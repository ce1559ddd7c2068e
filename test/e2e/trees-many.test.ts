import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { AWKWARD_CONFIG } from "../support/awkward.ts";
import { Mark } from "../support/marked.ts";
import { fixture, PYTHON } from "../support/programs.ts";
import { RawServer } from "../support/raw.ts";
import { eventually, type Success } from "../support/server.ts";
import { WAYS } from "../support/ways.ts";

setDefaultTimeout(120_000);

const CONFIG = {
	...AWKWARD_CONFIG,
	allowedExecutables: [PYTHON, "sleep", "true"],
};

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
});

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
