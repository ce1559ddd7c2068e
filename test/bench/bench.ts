/**
 * Measures the compiled program over stdio, beside what the runtime does bare in
 * the same run. Machines differ and are noisy: the ratios are what to compare.
 *
 *   bun run bench [--only NAME] [--json]
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import {
	LATEST_PROTOCOL_VERSION,
	ListToolsResultSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { BINARY, Scratch, TestServer } from "../support/server.ts";

interface Measure {
	readonly name: string;
	/** How often each side is run; the median counts. */
	readonly runs: number;
	readonly ours: (server: TestServer) => Promise<unknown>;
	/** The same work without the server, if there is such a thing. */
	readonly bare?: () => Promise<unknown>;
}

const CONFIG = {
	allowedExecutables: ["true", "sleep", "head"],
	maxConcurrentProcesses: 1000,
	maxLaunchesPerMinute: 1_000_000,
};

const TRUE = Bun.which("true") ?? "/bin/true";
const SLEEP = Bun.which("sleep") ?? "/bin/sleep";
const HEAD = Bun.which("head") ?? "/usr/bin/head";
const CAPTURED = 100_000_000;

async function started(server: TestServer, ...command: string[]) {
	const [executable, ...args] = command;
	const reply = await server.ok("process_start", { executable, args });
	return reply.pid as number;
}

const measures: readonly Measure[] = [
	{
		name: "spawn to initialize answered",
		runs: 15,
		ours: initialize,
		bare: () => bareExit("node", "-e", "0"),
	},
	{
		name: "ping",
		runs: 500,
		ours: (server) => server.client.ping(),
	},
	{
		name: "tools/list",
		runs: 300,
		// Not listTools(), with which the client compiles a validator for each tool.
		ours: (server) =>
			server.client.request({ method: "tools/list" }, ListToolsResultSchema),
	},
	{
		name: "process_start of true, to the answer",
		runs: 300,
		ours: (server) => started(server, "true"),
		bare: () => bareExit(TRUE),
	},
	{
		name: "start and terminate sleep",
		runs: 200,
		ours: async (server) => {
			const pid = await started(server, "sleep", "1000");
			await server.ok("process_terminate", { pid });
		},
		bare: async () => {
			const child = Bun.spawn([SLEEP, "1000"], { stdio: PIPES });
			child.kill();
			await child.exited;
		},
	},
	{
		name: "process_get_status of a sleep",
		runs: 300,
		ours: async (server) => {
			const pid = await resident(server);
			return server.ok("process_get_status", { pid });
		},
	},
	{
		name: "process_get_stats of a sleep",
		runs: 300,
		ours: async (server) => {
			const pid = await resident(server);
			return server.ok("process_get_stats", { pid });
		},
	},
	{
		name: "100 MB of output captured",
		runs: 5,
		ours: async (server) => {
			const pid = await started(
				server,
				...["head", "-c", String(CAPTURED), "/dev/zero"],
			);
			await server.waitForEnd(pid);
		},
		bare: async () => {
			const child = Bun.spawn([HEAD, "-c", String(CAPTURED), "/dev/zero"], {
				stdio: PIPES,
			});
			for await (const _ of child.stdout);
			await child.exited;
		},
	},
];

const PIPES: ["pipe", "pipe", "pipe"] = ["pipe", "pipe", "pipe"];

const INITIALIZE = JSON.stringify({
	jsonrpc: "2.0",
	id: 1,
	method: "initialize",
	params: {
		protocolVersion: LATEST_PROTOCOL_VERSION,
		capabilities: {},
		clientInfo: { name: "bench", version: "1" },
	},
});

/** Starts the program and waits for the answer to its first request. */
async function initialize(): Promise<void> {
	using scratch = new Scratch();
	const env = {
		PATH: process.env.PATH,
		MCP_PROCESS_CONFIG: JSON.stringify({
			auditLogPath: join(scratch.path, "audit.log"),
		}),
	};
	const child = Bun.spawn([BINARY], { stdio: ["pipe", "pipe", "ignore"], env });
	child.stdin.write(`${INITIALIZE}\n`);
	child.stdin.flush();
	for await (const _ of child.stdout) break;
	child.kill("SIGKILL");
	await child.exited;
}

async function bareExit(...command: string[]): Promise<void> {
	await Bun.spawn(command, { stdio: PIPES }).exited;
}

const residents = new WeakMap<TestServer, number>();

/** A process that is there for as long as the server is. */
async function resident(server: TestServer): Promise<number> {
	const pid = residents.get(server) ?? (await started(server, "sleep", "1000"));
	residents.set(server, pid);
	return pid;
}

async function median(runs: number, run: () => Promise<unknown>) {
	const times: number[] = [];
	for (let index = 0; index < runs + 1; index++) {
		const start = performance.now();
		await run();
		// The first one warms up.
		if (index > 0) times.push(performance.now() - start);
	}
	times.sort((a, b) => a - b);
	return times[Math.floor(times.length / 2)] ?? Number.NaN;
}

const { values } = parseArgs({
	options: { only: { type: "string" }, json: { type: "boolean" } },
});

const results = [];
for (const { name, runs, ours, bare } of measures) {
	if (values.only !== undefined && !name.includes(values.only)) continue;
	await using server = await TestServer.start(CONFIG);
	const oursMs = await median(runs, () => ours(server));
	const bareMs = bare && (await median(runs, bare));
	const ratio = bareMs === undefined ? undefined : oursMs / bareMs;
	results.push({ name, runs, oursMs, bareMs, ratio });
	if (values.json) continue;
	const cell = (value: number | undefined, unit: string) =>
		(value === undefined ? "" : `${value.toFixed(2)}${unit}`).padStart(12);
	console.log(
		`${name.padEnd(40)}${cell(oursMs, " ms")}${cell(bareMs, " ms bare")}${cell(ratio, " ×")}`,
	);
}
if (values.json) console.log(JSON.stringify(results, null, 2));
