import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { join } from "node:path";
import { childrenOf } from "../../src/platform/procfs.ts";
import { guardsOf } from "../support/marked.ts";
import { fixture, PYTHON } from "../support/programs.ts";
import { RawServer } from "../support/raw.ts";
import { BINARY, eventually, isAlive, Scratch } from "../support/server.ts";
import { pidsIn } from "../support/tree.ts";

setDefaultTimeout(60_000);

const CONFIG = {
	allowedExecutables: [PYTHON, "sleep"],
	argumentValidation: "literal",
};

describe.skipIf(process.platform !== "linux")("a death", () => {
	/** A client of its own process, with kernel pipes, that has started children. */
	async function startClient(
		scratch: Scratch,
		calls: readonly (readonly [string, unknown])[],
		env: Record<string, string> = {},
	) {
		const config = scratch.write(
			"config.json",
			JSON.stringify({
				...CONFIG,
				auditLogPath: join(scratch.path, "audit.log"),
			}),
		);
		const client = Bun.spawn(
			[PYTHON, fixture("client.py"), BINARY, config, JSON.stringify(calls)],
			{
				env: { PATH: process.env.PATH ?? "", HOME: scratch.path, ...env },
				stdin: "ignore",
				stdout: "pipe",
				stderr: "inherit",
			},
		);
		const { value } = await client.stdout.getReader().read();
		const report = JSON.parse(new TextDecoder().decode(value)) as {
			server: number;
			results: { structuredContent: { pid: number } }[];
		};
		return {
			client,
			server: report.server,
			children: report.results.map((result) => result.structuredContent.pid),
		};
	}

	const CHILDREN = [
		["process_start", { executable: "sleep", args: ["120"] }],
		[
			"process_start",
			{ executable: PYTHON, args: [fixture("ignore-signals.py")] },
		],
	] as const;

	it.each([
		["reads along", "0"],
		["stopped reading", "3000"],
	])("of a client that %s leaves nothing behind", async (_, FLOOD) => {
		using scratch = new Scratch();
		const { client, server, children } = await startClient(scratch, CHILDREN, {
			FLOOD,
		});
		expect([server, ...children].filter(isAlive)).toHaveLength(3);
		client.kill("SIGKILL");
		await eventually(
			() => ([server, ...children].some(isAlive) ? undefined : true),
			"server and children to end",
		);
		await client.exited;
	});

	it("of the server by SIGKILL ends its direct children within a second", async () => {
		await using server = await RawServer.start(CONFIG);
		const pids: number[] = [];
		for (const args of [
			[fixture("ignore-signals.py")],
			[fixture("stop-itself.py")],
		]) {
			const { pid } = await server.ok("process_start", {
				executable: PYTHON,
				args,
			});
			await server.outputOf(pid, (stdout) => stdout.includes("\n"));
			pids.push(pid);
		}
		const { pid } = await server.ok("process_start", {
			executable: "sleep",
			args: ["60"],
		});
		server.signal("SIGKILL");
		await eventually(
			() => ([...pids, pid].some(isAlive) ? undefined : true),
			"the children to end",
			10_000,
		);
	});

	it("of the server by SIGKILL leaves no control group of any version behind", async () => {
		await using server = await RawServer.start(CONFIG);
		const groups = () => [
			...new Bun.Glob(`**/mcp-process-${server.pid}-*`).scanSync({
				cwd: "/sys/fs/cgroup",
				onlyFiles: false,
			}),
		];
		await server.ok("process_start", {
			executable: "sleep",
			args: ["120"],
			resourceLimits: { maxMemoryMB: 100, maxProcesses: 10, maxCpuPercent: 50 },
		});
		const { pid } = await server.ok("process_start", {
			executable: PYTHON,
			args: [fixture("load.py"), "members=3"],
			resourceLimits: { maxProcesses: 10 },
		});
		await server.outputOf(pid, (stdout) => stdout.includes("\n"));
		server.signal("SIGKILL");
		await server.exited;
		await eventually(
			() => (groups().length === 0 ? true : undefined),
			"no group to be left",
		);
	});

	it("of the server by SIGKILL leaves no process group behind", async () => {
		await using server = await RawServer.start({
			...CONFIG,
			maxConcurrentProcesses: 100,
		});
		const pids: number[] = [];
		for (let count = 0; count < 10; count++) {
			const { pid } = await server.ok("process_start", {
				executable: PYTHON,
				args: [fixture("ignore-signals.py"), "family"],
			});
			const text = await server.outputOf(pid, (out) => out.includes("\n"));
			const family = pidsIn(text);
			expect(family).toHaveLength(2);
			pids.push(...family);
		}
		// One that has ended is not in the guard's care any more.
		const { pid: ended } = await server.ok("process_start", {
			executable: "sleep",
			args: ["0"],
		});
		try {
			server.signal("SIGKILL");
			await eventually(
				() => ([ended, ...pids].some(isAlive) ? undefined : true),
				"the groups to end",
				10_000,
			);
		} finally {
			for (const left of pids.filter(isAlive)) process.kill(left, "SIGKILL");
		}
	});

	it("of the thread that started the server is no end of the server", async () => {
		using scratch = new Scratch();
		const config = scratch.write(
			"config.json",
			JSON.stringify({ ...CONFIG, enableAuditLog: false }),
		);
		const script = scratch.write(
			"thread.py",
			[
				"import subprocess, sys, threading, time, json",
				"pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE)",
				"made = []",
				"def start():",
				"    server = subprocess.Popen(sys.argv[1:], **pipes)",
				"    made.append(server)",
				"    ask(server)",
				"def ask(server):",
				'    server.stdin.write(b\'{"jsonrpc":"2.0","id":1,"method":"ping"}\\n\')',
				"    server.stdin.flush()",
				"    return server.stdout.readline()",
				"thread = threading.Thread(target=start)",
				"thread.start()",
				"thread.join()",
				"time.sleep(0.3)",
				"print(ask(made[0]).decode(), end='')",
				"made[0].stdin.close()",
				"print(made[0].wait())",
			].join("\n"),
		);
		const result = Bun.spawnSync([PYTHON, script, BINARY, "--config", config], {
			timeout: 20_000,
		});
		expect(result.stdout.toString()).toContain('"result":{}');
		expect(result.stdout.toString().trimEnd()).toEndWith("\n0");
	});

	it("of the guard leaves no zombie once the next one stands by", async () => {
		await using server = await RawServer.start(CONFIG);
		const runOne = () =>
			server.ok("process_start", {
				...{ executable: PYTHON, args: ["-c", ""] },
				waitFor: { exit: true },
			});
		await runOne();
		const guard = await eventually(() => guardsOf(server.pid)[0], "the guard");
		// It is known by now.
		await runOne();
		process.kill(guard, "SIGKILL");
		await runOne();
		await eventually(async () => {
			await runOne();
			return !childrenOf(server.pid).includes(guard) || undefined;
		}, "the guard to be reaped");
		expect(guardsOf(server.pid)).toHaveLength(1);
	});
});
