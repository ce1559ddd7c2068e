import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { createHash } from "node:crypto";
import type { ConfigInput } from "../../src/config/schema.ts";
import { PYTHON } from "../support/programs.ts";
import { TestServer } from "../support/server.ts";

setDefaultTimeout(120_000);

const CONFIG: ConfigInput = {
	allowedExecutables: ["sleep", "cat", PYTHON],
	argumentValidation: "literal",
};

/** Reads nothing until it gets SIGUSR1; then gives the digest of all that it read. */
const LATE_READER = `
import hashlib, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
print("ready", flush=True)
signal.sigwait([signal.SIGUSR1])
print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest(), flush=True)`;

/** Closes its standard input, and lives on. */
const CLOSER = `
import os, time
os.close(0)
print("closed", flush=True)
time.sleep(600)`;

const python = (program: string) => ({
	executable: PYTHON,
	args: ["-c", program],
});

describe.skipIf(process.platform === "win32")("process_send_stdin", () => {
	it("says how much a process that doesn't read has left, which then is sent again", async () => {
		await using server = await TestServer.start(CONFIG);
		const { pid } = await server.ok("process_start", python(LATE_READER));
		await server.waitForOutput(pid, "ready");
		const text = "é日😀 ".repeat(20_000);
		const bytes = Buffer.from(text);
		const first = await server.ok("process_send_stdin", {
			pid,
			data: text,
			end: true,
		});
		expect(first.bytesWritten).toBeGreaterThan(4096);
		expect(first.bytesWritten + first.bytesRemaining).toBe(bytes.length);
		// Not ended, as end comes after all of the data.
		const rest = bytes.subarray(-first.bytesRemaining);
		const second = server.ok("process_send_stdin", {
			pid,
			data: rest.toString(),
			end: true,
		});
		process.kill(pid, "SIGUSR1");
		expect(await second).toEqual({
			status: "success",
			bytesWritten: rest.length,
		});
		await server.waitForEnd(pid);
		const { stdout } = await server.outputOf(pid);
		const digest = createHash("sha256").update(bytes).digest("hex");
		expect(stdout).toBe(`ready\n${digest}\n`);
	});

	it("tells apart who closed the input: a call before, the process, or its end", async () => {
		await using server = await TestServer.start(CONFIG);
		const sleep = { executable: "sleep", args: ["600"] };
		const start = async (launch: object): Promise<number> =>
			(await server.ok("process_start", { ...launch })).pid;
		const ended = await start(sleep);
		await server.ok("process_send_stdin", { pid: ended, end: true });
		const closing = await start(python(CLOSER));
		await server.waitForOutput(closing, "closed");
		const over = await start({
			executable: "cat",
			stdin: "",
			closeStdin: true,
		});
		await server.waitForEnd(over);
		const none = await start({ ...sleep, closeStdin: true });
		const reasons = [
			[ended, "its end was given before (end, or closeStdin)"],
			[closing, "the process closed it"],
			[over, "the process has ended"],
			[none, "it was started with closeStdin"],
		] as const;
		for (const [pid, reason] of [...reasons, ...reasons]) {
			const call = { pid, data: "x" };
			expect(await server.fails("process_send_stdin", call)).toMatchObject({
				code: "STDIN_NOT_AVAILABLE",
				message: `Process stdin not available: ${pid}: ${reason}`,
				details: { pid, reason },
			});
		}
		// The process that closed it lives on, and so does the one whose input was ended.
		for (const pid of [ended, closing])
			expect(await server.ok("process_get_status", { pid })).toMatchObject({
				state: "running",
			});
	});
});
