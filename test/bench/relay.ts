/**
 * The least that an MCP server does that starts processes, to be measured in the
 * place of ours: `--server "bun test/bench/relay.ts"`. It judges, records and limits
 * nothing. With `--guarded` it makes the system calls of a judged, recorded and
 * enclosed start as well, without a thought: what is missed then can't be met by who
 * makes them.
 */
import {
	accessSync,
	closeSync,
	constants,
	mkdirSync,
	openSync,
	readFileSync,
	readSync,
	realpathSync,
	rmdirSync,
	statSync,
	writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { Cgroups } from "../../src/platform/cgroup.ts";
import { currentPlatform } from "../../src/platform/current.ts";
import { openCgroups } from "../../src/platform/linux-enclosure.ts";

/** A start's system calls beside those of the start itself. */
interface Surroundings {
	before(executable: string): void;
	/** Folder of the process's control group. */
	enclose(): string | undefined;
	record(text: string): void;
	/** Once a process that has a control group has ended. */
	after(group: string): void;
}

const NONE: Surroundings = {
	before() {},
	enclose: () => undefined,
	record() {},
	after() {},
};

function guardedBy(groups: Cgroups, logPath: string): Surroundings {
	const log = openSync(logPath, "a", 0o600);
	const head = Buffer.alloc(256);
	let count = 0;
	const find = (path: string) => {
		statSync(path, { bigint: true });
		realpathSync.native(path);
	};
	const record = (text: string) => {
		statSync(logPath, { bigint: true });
		const hash = Bun.CryptoHasher.hash("sha256", text, "hex");
		writeSync(log, `${JSON.stringify({ text, hash })}\n`);
	};
	return {
		before(executable) {
			find(executable);
			accessSync(executable, constants.X_OK);
			const file = openSync(executable, "r");
			readSync(file, head, 0, head.length, 0);
			closeSync(file);
			let folder = executable;
			while (folder !== dirname(folder)) {
				folder = dirname(folder);
				statSync(folder);
			}
			find(process.cwd());
			record("admitted");
			find(executable);
			find(process.cwd());
		},
		enclose() {
			const group = join(groups.directory, `relay-${count++}`);
			mkdirSync(group);
			return group;
		},
		record,
		after(group) {
			// When the answer is on its way.
			setImmediate(() => {
				for (const name of ["cgroup.events", "cpu.stat"])
					readFileSync(`${group}/${name}`, "utf8");
				readFileSync(`/proc/self/task/${process.pid}/children`, "utf8");
				rmdirSync(group);
			});
		},
	};
}

const { pipes } = await currentPlatform();
const groups = process.argv.includes("--guarded") ? openCgroups() : undefined;
if (groups && !(groups instanceof Cgroups)) throw new Error(groups.reason);
const given = z.object({ auditLogPath: z.string() });
const around = groups
	? guardedBy(
			groups,
			given.parse(JSON.parse(process.env.MCP_PROCESS_CONFIG ?? ""))
				.auditLogPath,
		)
	: NONE;
const states = new Map<number, string>();

async function start(
	command: readonly string[],
	waits: boolean,
): Promise<Record<string, unknown>> {
	const [executable = ""] = command;
	around.before(executable);
	if (!pipes) throw new Error("there are no kernel pipes");
	const [stdin, stdout, stderr] = [pipes.open(), pipes.open(), pipes.open()];
	const group = around.enclose();
	const child = Bun.spawn([...command], {
		stdio: [stdin.read, stdout.write, stderr.write],
		detached: true,
		...(group !== undefined && { cgroup: group }),
	});
	const { pid } = child;
	states.set(pid, "running");
	for (const end of [stdin.read, stdout.write, stderr.write]) closeSync(end);
	around.record("started");
	const end = async () => {
		const [exitCode, ...texts] = await Promise.all([
			child.exited,
			Bun.file(stdout.read).text(),
			Bun.file(stderr.read).text(),
		]);
		for (const side of [stdin.write, stdout.read, stderr.read]) closeSync(side);
		states.set(pid, "stopped");
		around.record("ended");
		if (group !== undefined) around.after(group);
		return { pid, exitCode, stdout: texts[0], stderr: texts[1] };
	};
	const ended = end();
	return waits ? await ended : { pid };
}

const startInput = z.object({
	executable: z.string(),
	args: z.array(z.string()),
	waitFor: z.unknown().optional(),
});
const request = z.object({
	id: z.number().optional(),
	method: z.string(),
	params: z.unknown().optional(),
});
const toolCall = z.object({ name: z.string(), arguments: z.unknown() });

async function call(params: unknown): Promise<Record<string, unknown>> {
	const { name, arguments: input } = toolCall.parse(params);
	if (name === "process_get_status") {
		const { pid } = z.object({ pid: z.number() }).parse(input);
		return { pid, state: states.get(pid) };
	}
	const { executable, args, waitFor } = startInput.parse(input);
	return await start([executable, ...args], waitFor !== undefined);
}

const properties = { executable: {}, args: {}, waitFor: {} };
const RESULTS: Readonly<Record<string, unknown>> = {
	initialize: {
		protocolVersion: "2025-06-18",
		capabilities: { tools: {} },
		serverInfo: { name: "relay", version: "1.0.0" },
	},
	ping: {},
	"tools/list": {
		tools: [
			{ name: "process_start", inputSchema: { type: "object", properties } },
			{ name: "process_get_status", inputSchema: { type: "object" } },
		],
	},
};

const output = Bun.stdout.writer();

async function answer(line: string): Promise<void> {
	const { id, method, params } = request.parse(JSON.parse(line));
	if (id === undefined) return;
	let result = RESULTS[method];
	if (method === "tools/call") {
		const structuredContent = await call(params);
		const text = JSON.stringify(structuredContent);
		result = { structuredContent, content: [{ type: "text", text }] };
	}
	output.write(`${JSON.stringify({ jsonrpc: "2.0", id, result })}\n`);
	await output.flush();
}

const decoder = new TextDecoder();
let rest = "";
for await (const chunk of Bun.stdin.stream()) {
	const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
	rest = lines.pop() ?? "";
	for (const line of lines) void answer(line);
}
groups?.remove();
process.exit(0);
