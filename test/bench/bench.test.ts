import { describe, expect, it } from "bun:test";
import { readdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { linkOf } from "../../src/platform/procfs.ts";
import { killQuietly } from "../support/managed.ts";
import { BINARY, eventually, isAlive, Scratch } from "../support/server.ts";
import { linesOf } from "./lines.ts";
import { measures } from "./measures/index.ts";
import { words } from "./options.ts";
import { summarize } from "./statistics.ts";

const BENCH = join(import.meta.dir, "bench.ts");

/** Milliseconds: a run that hangs is ended, and fails. One takes five seconds, on a busy machine four times that. */
const LONGEST = 80_000;

async function bench(...args: readonly string[]) {
	const child = Bun.spawn([process.execPath, BENCH, ...args], {
		stdio: ["ignore", "pipe", "pipe"],
		timeout: LONGEST,
	});
	const [stdout, stderr, code] = await Promise.all([
		child.stdout.text(),
		child.stderr.text(),
		child.exited,
	]);
	return { stdout, stderr, code };
}

const summary = {
	median: expect.any(Number),
	p95: expect.any(Number),
	min: expect.any(Number),
	max: expect.any(Number),
};

describe("bench", () => {
	it("gives figures, ratios and targets as JSON", async () => {
		const { stdout, stderr, code } = await bench(
			...["--json", "--quick", "--only", "ping"],
			...["--only", "start-true", "--only", "in-flight"],
		);
		expect(stderr).toBe("");
		expect(code).toBe(0);
		const report = JSON.parse(stdout);
		expect(report).toMatchObject({
			server: [BINARY],
			quick: true,
			machine: { cpus: expect.any(Number), bun: Bun.version },
		});
		const [ping, inFlight, startTrue, ...more] = report.measures;
		// The runtime puts the matchers into what it matches.
		const ratio: number = startTrue.ratios.bare;
		expect(more).toEqual([]);
		expect(ping).toEqual({
			name: "ping",
			title: "ping",
			unit: "ms",
			status: "measured",
			runs: 200,
			ours: summary,
			ratios: {},
			targets: [{ is: "at most", value: 0.12, met: expect.any(Boolean) }],
		});
		expect(ping.ours.median).toBeGreaterThan(0);
		expect(inFlight).toMatchObject({
			name: "in-flight",
			status: "measured",
			bare: summary,
			ratios: { bare: inFlight.ours.median / inFlight.bare.median },
		});
		expect(startTrue).toMatchObject({
			name: "start-true",
			status: "measured",
			runs: 30,
			ours: summary,
			bare: summary,
			node: summary,
			ratios: { bare: expect.any(Number), node: expect.any(Number) },
			targets: [{ is: "at most", value: 1, of: "bare" }],
		});
		const [target] = startTrue.targets;
		expect(target.met).toBe(ratio <= 1);
	});

	it("gives a table, with the target of each", async () => {
		const { stdout, code } = await bench("--quick", "--only", "ping");
		const [head, row] = stdout.split("\n");
		expect(head).toMatch(/^measure +server +bare +node +ratio +target$/);
		expect(row).toMatch(/^ping +[\d.]+ ms +≤ 0.12 ms (met|MISSED)$/);
		expect(code).toBe(0);
	});

	it("tells of each measure in its help", async () => {
		const { stdout, code } = await bench("--help");
		expect(code).toBe(0);
		for (const { name, title } of measures)
			expect(stdout).toMatch(new RegExp(`^  ${name} +${title}$`, "m"));
	});

	it.each([
		[["--fast"], "--fast"],
		[["ping"], "ping"],
		[["--only"], "--only"],
		[["--server", " "], "--server: no command"],
	])("does not understand %j", async (args, complaint) => {
		const { stdout, stderr, code } = await bench(...args);
		expect(code).toBe(2);
		expect(stdout).toBe("");
		expect(stderr).toStartWith("bench: ");
		expect(stderr).toContain(complaint);
	});

	it("names all measures where one is asked for that is not there", async () => {
		const { stderr, code } = await bench("--only", "ping", "--only", "speed");
		expect(code).toBe(2);
		expect(stderr).toContain("--only speed: no such measure");
		for (const { name } of measures) expect(stderr).toContain(name);
	});
});

describe("bench --server", () => {
	it("measures a server by its command", async () => {
		const { stdout, code } = await bench(
			...["--json", "--quick", "--only", "tools-list"],
			...["--server", `env LANG=C "${BINARY}"`],
		);
		expect(code).toBe(0);
		const report = JSON.parse(stdout);
		expect(report.server).toEqual(["env", "LANG=C", BINARY]);
		expect(report.measures).toMatchObject([
			{ name: "tools-list", status: "measured", ours: summary },
		]);
	});

	it.skipIf(process.platform === "win32")(
		"measures a server that does the least",
		async () => {
			const relay = join(import.meta.dir, "relay.ts");
			const { stdout, stderr, code } = await bench(
				...["--json", "--quick", "--server", `${process.execPath} ${relay}`],
				...["--only", "start-true", "--only", "start-and-wait"],
			);
			expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
			expect(JSON.parse(stdout).measures).toMatchObject([
				{ name: "start-true", status: "measured", ours: summary },
				{ name: "start-and-wait", status: "measured", ours: summary },
			]);
		},
	);

	it("says what a server doesn't offer, and goes on", async () => {
		const server = join(import.meta.dir, "small-server.ts");
		const { stdout, stderr, code } = await bench(
			...["--json", "--quick", "--server", `${process.execPath} ${server}`],
			...["--only", "ping", "--only", "stats", "--only", "terminate-10"],
			...["--only", "terminate-one"],
		);
		expect(stderr).toBe("");
		// Its process_start always fails.
		expect(code).toBe(1);
		expect(JSON.parse(stdout).measures).toMatchObject([
			{ name: "ping", status: "measured" },
			{ name: "stats", status: "not offered", reason: "no process_get_stats" },
			{
				name: "terminate-one",
				status: "failed",
				reason: "process_start: out of order",
			},
			{
				name: "terminate-10",
				status: "not offered",
				reason: "no process_create_group",
			},
		]);
	});

	it.each([
		["true", "it ended with exit code 0"],
		["cat", "not an MCP message"],
		["echo hello", 'not an MCP message: "hello"'],
		["cat /nowhere/at-all", "No such file"],
		["/nowhere/at-all", "/nowhere/at-all"],
		["sleep 300", "no answer to initialize"],
	])("says clearly that %j is no MCP server", async (command, complaint) => {
		const { stdout, stderr, code } = await bench("--server", command);
		expect(stdout).toBe("");
		expect(stderr).toStartWith(`bench: ${command}: no MCP server: `);
		expect(stderr).toContain(complaint);
		expect(code).toBe(1);
	});
});

/** Living processes whose working directory is this one: the benchmark's are all in its own. */
function processesIn(folder: string): number[] {
	return readdirSync("/proc")
		.filter((name) => /^\d+$/.test(name))
		.filter((pid) => linkOf(`/proc/${pid}/cwd`) === folder)
		.map(Number)
		.filter(isAlive);
}

describe.skipIf(process.platform !== "linux")("bench, broken off", () => {
	it.each(["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"] as const)(
		"leaves nothing behind upon %s",
		async (signal) => {
			using scratch = new Scratch();
			const folder = realpathSync(scratch.path);
			// Each holds a hundred processes for more than a second.
			const child = Bun.spawn(
				[process.execPath, BENCH, "--quick", "--json", "--only", "sleeps-"],
				{ stdio: ["ignore", "ignore", "inherit"], cwd: folder },
			);
			try {
				await eventually(
					() => processesIn(folder).length > 50 || undefined,
					"processes of the benchmark",
				);
				child.kill(signal);
				expect(await child.exited).toBeGreaterThan(128);
				await eventually(
					() => processesIn(folder).length === 0 || undefined,
					"all that it started to end",
				);
			} finally {
				for (const pid of processesIn(folder)) killQuietly(pid);
			}
		},
	);
});

describe("words", () => {
	it.each([
		["node  server.js --port 1", ["node", "server.js", "--port", "1"]],
		['"/a b/c" \'d e\' f"g h"i', ["/a b/c", "d e", "fg hi"]],
	])("are those of %j", (text, expected) => {
		expect(words(text)).toEqual(expected);
	});
});

describe("summarize", () => {
	it("orders figures by their size, not as text", () => {
		expect(summarize([100, 9, 20])).toEqual({
			median: 20,
			p95: 100,
			min: 9,
			max: 100,
		});
		expect(() => summarize([])).toThrow("no figures");
	});
});

describe("linesOf", () => {
	it("joins what comes in pieces, also within a character", async () => {
		const bytes = Buffer.from("é\n\nlong line\nrest");
		const pieces = [...bytes].map((byte) => Uint8Array.of(byte));
		for (const chunks of [[bytes], pieces]) {
			const stream = (async function* () {
				yield* chunks;
			})();
			const lines = await Array.fromAsync(linesOf(stream));
			expect(lines).toEqual(["é", "", "long line", "rest"]);
		}
	});
});
