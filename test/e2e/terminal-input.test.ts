import { describe, expect, it, setDefaultTimeout } from "bun:test";
import type { ConfigInput } from "../../src/config/schema.ts";
import { PYTHON } from "../support/programs.ts";
import { TestServer } from "../support/server.ts";
import {
	bytesOf,
	SIZE,
	screenOf,
	startInTerminal,
	type,
} from "../support/terminal.ts";

setDefaultTimeout(120_000);

const CONFIG: ConfigInput = {
	allowedExecutables: [PYTHON, "cat", "sleep"],
	argumentValidation: "literal",
};

describe.skipIf(process.platform !== "linux")("input of a terminal", () => {
	const RAW = [
		"-c",
		"import tty, os; tty.setraw(0); print('up', end='', flush=True)\nwhile True:\n  b = os.read(0, 99)\n  print(b.hex(), end='.', flush=True)",
	];

	it("ends by closeStdin, within a line or after one", async () => {
		await using server = await TestServer.start(CONFIG);
		for (const stdin of ["a\nb\n", "a\nb", undefined]) {
			const pid = await startInTerminal(server, "cat", [], {
				stdin,
				closeStdin: true,
			});
			expect(await server.waitForEnd(pid)).toMatchObject({ exitCode: 0 });
			const { stdout } = await server.outputOf(pid);
			if (stdin) expect(stdout.match(/b/g)).toHaveLength(2);
		}
	});

	it("is Enter where keys are read, and exact where bytes are given", async () => {
		await using server = await TestServer.start(CONFIG);
		const pid = await startInTerminal(server, PYTHON, RAW);
		await server.waitForOutput(pid, "up");
		await type(server, pid, "é\n");
		await server.waitForOutput(pid, "c3a90d.");
		const sent = { pid, data: "0a00ff", encoding: "hex" };
		await server.ok("process_send_stdin", sent);
		await server.waitForOutput(pid, "0a00ff.");
		await server.ok("process_terminate", { pid, force: true });
	});

	it("of 300 KB arrives whole at who reads late", async () => {
		await using server = await TestServer.start(CONFIG);
		const program = `
import sys, time, hashlib
time.sleep(1)
print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())`;
		const data = "some line or other\n".repeat(16_000);
		const pid = await startInTerminal(server, PYTHON, ["-c", program]);
		expect(
			await server.ok("process_send_stdin", { pid, data, end: true }),
		).toMatchObject({ bytesWritten: data.length });
		await server.waitForEnd(pid);
		const hash = new Bun.CryptoHasher("sha256").update(data).digest("hex");
		expect((await bytesOf(server, pid)).toString()).toContain(hash);
	});

	it("waits for who doesn't read, and says what was taken", async () => {
		await using server = await TestServer.start(CONFIG);
		const pid = await startInTerminal(server, "sleep", ["60"]);
		const data = `${"x".repeat(99)}\n`.repeat(10_000);
		const reply = await server.ok("process_send_stdin", { pid, data });
		expect(reply.bytesWritten).toBeGreaterThan(0);
		expect(reply.bytesWritten).toBeLessThan(200_000);
		await server.ok("process_terminate", { pid, force: true });
	});

	it("in a line that is too long for the system is refused", async () => {
		await using server = await TestServer.start(CONFIG);
		const pid = await startInTerminal(server, "cat");
		const line = (length: number) => `${"y".repeat(length - 1)}\n`;
		const refusal = { code: "INVALID_ARGUMENT", details: { field: "data" } };
		expect(
			await server.fails("process_send_stdin", { pid, data: line(4096) }),
		).toMatchObject(refusal);
		await server.ok("process_send_stdin", { pid, data: line(4095), end: true });
		await server.waitForEnd(pid);
		const text = (await bytesOf(server, pid)).toString();
		expect(text.match(/y/g)).toHaveLength(2 * 4094);
		expect(
			await server.fails("process_start", {
				executable: "cat",
				terminal: SIZE,
				stdin: line(5000),
			}),
		).toMatchObject({ details: { field: "stdin" } });
	});

	it("by Ctrl-C interrupts the foreground", async () => {
		await using server = await TestServer.start(CONFIG);
		const pid = await startInTerminal(server, "sleep", ["600"]);
		await type(server, pid, "\u0003");
		expect(await server.waitForEnd(pid)).toMatchObject({
			termination: { signal: "SIGINT" },
		});
	});

	it("tells programs of a new size", async () => {
		await using server = await TestServer.start(CONFIG);
		const program = `
import os, signal, time
# The signal may come while "up" is being written: print is not reentrant, os.write is.
signal.signal(signal.SIGWINCH, lambda *a: os.write(1, f"{tuple(os.get_terminal_size())}".encode()))
print("up", flush=True)
while True: time.sleep(1)`;
		const pid = await startInTerminal(server, PYTHON, ["-c", program]);
		await server.waitForOutput(pid, "up");
		const terminal = { cols: 132, rows: 50 };
		await server.ok("process_send_stdin", { pid, terminal });
		await server.waitForOutput(pid, "(132, 50)");
		expect(await screenOf(server, pid)).toMatchObject(terminal);
		await server.ok("process_terminate", { pid, force: true });
		expect(
			await server.fails("process_send_stdin", { pid, terminal }),
		).toMatchObject({ code: "PROCESS_NOT_RUNNING" });
	});

	it("is subject to the policy", async () => {
		await using server = await TestServer.start({
			...CONFIG,
			allowStdinInput: false,
		});
		const pid = await startInTerminal(server, "cat");
		const refusal = { details: { violation: "stdin_not_allowed" } };
		for (const more of [{ data: "x" }, { terminal: SIZE }, { end: true }])
			expect(
				await server.fails("process_send_stdin", { pid, ...more }),
			).toMatchObject(refusal);
		await server.ok("process_terminate", { pid, force: true });
	});
});
