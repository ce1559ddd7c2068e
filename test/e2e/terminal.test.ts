import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { readdirSync, readlinkSync } from "node:fs";
import type { ConfigInput } from "../../src/config/schema.ts";
import { PYTHON } from "../support/programs.ts";
import { eventually, isAlive, Scratch, TestServer } from "../support/server.ts";
import {
	SIZE,
	screenOf,
	screenShows,
	startInTerminal,
} from "../support/terminal.ts";

setDefaultTimeout(120_000);

const CONFIG: ConfigInput = {
	allowedExecutables: [PYTHON, "cat", "stty", "echo", "sh", "bash", "sleep"],
	blockShellInterpreters: false,
	argumentValidation: "literal",
	maxLaunchesPerMinute: 10_000,
	maxConcurrentProcesses: 100,
};

/** How many descriptors a process has of terminals, processes and pipes. */
function terminalsOf(pid: number): number {
	return readdirSync(`/proc/${pid}/fd`).filter((fd) => {
		try {
			const target = readlinkSync(`/proc/${pid}/fd/${fd}`);
			return /ptmx|\/pts\/|pidfd|^pipe:/.test(target);
		} catch {
			return false;
		}
	}).length;
}

describe.skipIf(process.platform !== "linux")("a terminal", () => {
	it("is its session's, for all three streams, and nothing else is open", async () => {
		await using server = await TestServer.start(CONFIG, {
			env: { TERM: "dumb" },
		});
		await startInTerminal(server, "cat");
		const program = `
import os, json
print(json.dumps([[os.ttyname(n) for n in range(3)], os.getsid(0) == os.getpid(),
  os.tcgetpgrp(0) == os.getpid(), os.environ["TERM"], sorted(os.listdir("/proc/self/fd"))]))
open("/dev/tty", "w").write("mine\\n")`;
		const pid = await startInTerminal(server, PYTHON, ["-c", program], {
			terminal: { cols: 300, rows: 24 },
		});
		await server.waitForEnd(pid);
		const [line = "", more] = (await server.outputOf(pid)).stdout.split("\n");
		const [names, ...rest] = JSON.parse(line);
		expect(new Set(names).size).toBe(1);
		expect(rest).toEqual([true, true, "xterm-256color", ["0", "1", "2", "3"]]);
		expect(more).toBe("mine");
	});

	it("has the TERM that was asked for", async () => {
		await using server = await TestServer.start(CONFIG);
		const pid = await startInTerminal(
			server,
			PYTHON,
			["-c", "import os; print(os.environ['TERM'])"],
			{ env: { TERM: "vt100" } },
		);
		await server.waitForEnd(pid);
		expect((await server.outputOf(pid)).stdout).toBe("vt100\n");
	});

	it.each([
		[1, 1],
		[1000, 1000],
		[1000, 1],
		[1, 1000],
	])("of %d by %d has that size, and a screen", async (cols, rows) => {
		await using server = await TestServer.start(CONFIG);
		const pid = await startInTerminal(server, "stty", ["size"], {
			terminal: { cols, rows },
		});
		await server.waitForEnd(pid);
		expect((await server.outputOf(pid)).stdout).toBe(`${rows} ${cols}\n`);
		const screen = await screenOf(server, pid);
		expect(screen).toMatchObject({ cols, rows });
	});

	it.each([
		{ cols: 0, rows: 24 },
		{ cols: 80, rows: -1 },
		{ cols: 1001, rows: 24 },
		{ cols: 80.5, rows: 24 },
		{ cols: 80 },
		{ cols: 80, rows: 24, depth: 1 },
		"80x24",
		true,
	])("of size %j is refused", async (terminal) => {
		await using server = await TestServer.start(CONFIG);
		const error = await server.fails("process_start", {
			executable: "cat",
			terminal,
		});
		expect(error).toMatchObject({ code: "INVALID_ARGUMENT" });
		expect(error.message).toContain("terminal");
		const { processes } = await server.ok("process_list");
		expect(processes).toEqual([]);
	});

	it("loses nothing of programs that end at once, and leaves no descriptor", async () => {
		await using server = await TestServer.start(CONFIG);
		const count = () => terminalsOf(server.pid);
		const once = async (n: number) => {
			const pid = await startInTerminal(server, "echo", [`hello ${n}`]);
			await server.waitForEnd(pid);
			expect((await server.outputOf(pid)).stdout).toBe(`hello ${n}\n`);
		};
		await once(0);
		const before = count();
		for (let n = 0; n < 200; n += 10)
			await Promise.all(Array.from({ length: 10 }, (_, k) => once(n + k)));
		await eventually(
			() => (count() <= before ? true : undefined),
			`${before} descriptors again, not ${count()}`,
		);
	});

	it("that could not be used leaves no descriptor", async () => {
		using scratch = new Scratch();
		const broken = scratch.write("broken", "#!/nowhere/at/all\n", 0o755);
		await using server = await TestServer.start({
			...CONFIG,
			allowedExecutables: [broken, "echo"],
		});
		const count = () => terminalsOf(server.pid);
		const fail = () =>
			server.fails("process_start", { executable: broken, terminal: SIZE });
		expect(await fail()).toMatchObject({ code: "SPAWN_FAILED" });
		const before = count();
		for (let n = 0; n < 50; n++) await fail();
		expect(count()).toBeLessThanOrEqual(before);
	});

	it("is ended with all in it, also what ignores SIGHUP and SIGTERM and holds it", async () => {
		await using server = await TestServer.start(CONFIG);
		const program = `
import os, signal, time
signal.signal(signal.SIGHUP, signal.SIG_IGN); signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
if child == 0:
  os.setsid()
  os.fork()
  time.sleep(600)
print("up", child, flush=True)
time.sleep(600)`;
		const pid = await startInTerminal(server, PYTHON, ["-c", program]);
		const { stdout } = await server.waitForOutput(pid, "up");
		const child = Number(/up (\d+)/.exec(stdout)?.[1]);
		expect(
			await server.ok("process_terminate", { pid, timeout: 200 }),
		).toMatchObject({ terminationReason: "forced", survivors: [] });
		expect(isAlive(child)).toBe(false);
	});

	it("goes away for an interactive shell, which ignores SIGTERM", async () => {
		await using server = await TestServer.start(CONFIG);
		const pid = await startInTerminal(server, "bash", ["--norc", "-i"]);
		await screenShows(server, pid, /[$#]$/);
		expect(
			await server.ok("process_terminate", { pid, timeout: 20_000 }),
		).toMatchObject({ terminationReason: "graceful", signal: "SIGHUP" });
	});

	it("is read on where a child holds it after the program's end", async () => {
		await using server = await TestServer.start(CONFIG);
		const script = "trap '' HUP; (sleep 1; echo late) & echo first";
		const pid = await startInTerminal(server, "sh", ["-c", script]);
		await server.waitForEnd(pid);
		const { stdout } = await server.waitForOutput(pid, "late");
		expect(stdout).toBe("first\nlate\n");
	});

	it("is read where its output is not kept", async () => {
		await using server = await TestServer.start(CONFIG);
		const program = "import sys; sys.stdout.write('x' * 10_000_000)";
		const pid = await startInTerminal(server, PYTHON, ["-c", program], {
			captureOutput: false,
		});
		expect(await server.waitForEnd(pid)).toMatchObject({ exitCode: 0 });
		expect(
			await server.fails("process_get_output", { pid, screen: true }),
		).toMatchObject({ code: "OUTPUT_NOT_CAPTURED" });
	});
});

describe("without a terminal", () => {
	it("there is no screen and no size", async () => {
		await using server = await TestServer.start(CONFIG);
		const { pid } = await server.ok("process_start", { executable: "cat" });
		const refusal = {
			code: "INVALID_ARGUMENT",
			message: expect.stringContaining("has no terminal"),
		};
		expect(
			await server.fails("process_get_output", { pid, screen: true }),
		).toMatchObject(refusal);
		expect(
			await server.fails("process_send_stdin", { pid, terminal: SIZE }),
		).toMatchObject(refusal);
	});
});
