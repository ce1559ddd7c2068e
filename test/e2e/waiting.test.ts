import { describe, expect, it, setDefaultTimeout } from "bun:test";
import type { ConfigInput } from "../../src/config/schema.ts";
import { NODE, PYTHON } from "../support/programs.ts";
import { TestServer } from "../support/server.ts";
import { startInTerminal, waitsFor } from "../support/terminal.ts";

setDefaultTimeout(60_000);

const CONFIG: ConfigInput = {
	allowedExecutables: [NODE, PYTHON, "cat", "sh", "sleep"],
	blockShellInterpreters: false,
	argumentValidation: "literal",
};

const BUSY = ["-c", "while True: pass"];

describe.skipIf(process.platform !== "linux")("waitingForInput", () => {
	it.each([
		["cat", [], "line"],
		["sh", ["-c", "read x; exec sleep 60"], "line"],
		["sh", ["-c", "sh -c 'read x'; true"], "line"],
		[PYTHON, ["-c", "import sys; sys.stdin.readline()"], "line"],
		[PYTHON, ["-c", "input('name? ')"], "line"],
		[PYTHON, ["-c", "import getpass; getpass.getpass()"], "password"],
		[PYTHON, ["-c", "import tty, os; tty.setraw(0); os.read(0, 1)"], "key"],
		[PYTHON, ["-c", "import select; select.select([0], [], [])"], "line"],
		[
			PYTHON,
			[
				"-c",
				"import select; p = select.poll(); p.register(0, select.POLLIN); p.poll()",
			],
			"line",
		],
		[NODE, ["-i"], "key"],
	])("in a terminal %s %j: %s", async (executable, args, kind) => {
		await using server = await TestServer.start(CONFIG);
		const pid = await startInTerminal(server, executable, args);
		await waitsFor(server, pid, kind);
		await server.ok("process_terminate", { pid, force: true });
	});

	it.each([
		["cat", []],
		["sh", ["-c", "read x"]],
		[PYTHON, ["-c", "input()"]],
		[NODE, ["-e", "process.stdin.on('data', () => {})"]],
	])("of a pipe %s %j is data", async (executable, args) => {
		await using server = await TestServer.start(CONFIG);
		const { pid } = await server.ok("process_start", { executable, args });
		await waitsFor(server, pid, "data");
		await server.ok("process_terminate", { pid, force: true });
	});

	it("is told to who waited in vain, and to nobody else", async () => {
		await using server = await TestServer.start(CONFIG);
		const start = (executable: string, args: string[], waitFor: object) =>
			server.ok("process_start", { executable, args, waitFor });
		const asking = ["-c", "input('name? ')"];
		for (const [waitFor, event] of [
			[{ pattern: "never", timeout: 1000 }, "timeout"],
			[{ idleMs: 1000 }, "idle"],
		] as const)
			expect(await start(PYTHON, asking, waitFor)).toMatchObject({
				event,
				waitingForInput: "data",
			});
		const others = [
			await start(PYTHON, asking, { pattern: "name" }),
			await start("sleep", ["60"], { idleMs: 300 }),
			await start("sleep", ["60"], { exit: true, timeout: 300 }),
		];
		for (const reply of others)
			expect(reply).not.toHaveProperty("waitingForInput");
	});

	it("is absent while a program works, and comes when it asks", async () => {
		await using server = await TestServer.start(CONFIG);
		const program =
			"import sys\nfor line in sys.stdin:\n  if line == 'stop\\n':\n    while True: pass";
		const pid = await startInTerminal(server, PYTHON, ["-c", program]);
		await waitsFor(server, pid, "line");
		await server.ok("process_send_stdin", { pid, data: "go\n" });
		await waitsFor(server, pid, "line");
		await server.ok("process_send_stdin", { pid, data: "stop\n" });
		await waitsFor(server, pid, undefined);
		await server.ok("process_terminate", { pid, force: true });
		await waitsFor(server, pid, undefined);
	});

	it.each([
		["sleep", ["60"], undefined],
		[PYTHON, BUSY, undefined],
		[
			PYTHON,
			["-c", "import time; print('up', flush=True); time.sleep(60)"],
			"up",
		],
		[
			PYTHON,
			[
				"-c",
				"import os; r, w = os.pipe(); print('up', flush=True); os.read(r, 1)",
			],
			"up",
		],
		[NODE, ["-e", "console.log('up'); setInterval(() => {}, 60000)"], "up"],
	])("is absent of %s %j", async (executable, args, text) => {
		await using server = await TestServer.start(CONFIG);
		const pid = await startInTerminal(server, executable, args);
		if (text) await server.waitForOutput(pid, text);
		await waitsFor(server, pid, undefined);
		await server.ok("process_terminate", { pid, force: true });
	});
});
