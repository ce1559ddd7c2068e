import { describe, expect, it } from "bun:test";
import { RawServer } from "../support/raw.ts";
import { eventually, isAlive, TestServer } from "../support/server.ts";
import { wholeSession } from "../support/session.ts";

describe("a session", () => {
	it("starts, feeds, reads and ends a program", async () => {
		await using server = await TestServer.start({
			allowedExecutables: ["cat"],
		});
		const { pid } = await server.ok("process_start", { executable: "cat" });
		await server.ok("process_send_stdin", { pid, data: "hello\n" });
		const reply = await server.waitForOutput(pid, "hello\n");
		expect(reply.stdout).toBe("hello\n");
		const ended = await server.ok("process_terminate", { pid });
		expect(ended).toMatchObject({
			pid,
			exitCode: 143,
			signal: "SIGTERM",
			terminationReason: "graceful",
			survivors: [],
		});
	});

	it("holds back the runtime's compilers at its start, and no longer", async () => {
		await using server = await RawServer.start(
			{},
			{ env: { BUN_JSC_verboseOSR: "1" } },
		);
		server.send({ jsonrpc: "2.0", id: 1, method: "tools/list" });
		await server.answer(1);
		await eventually(
			() => /Ending [^\n]*JIT deferral/.test(server.stderr) || undefined,
			"the end of the start",
		);
		expect(server.stderr).toMatch(/JIT deferral scale set to [1-9]\d/);
	});

	it.skipIf(process.platform === "win32")("is whole", async () => {
		await wholeSession({}, isAlive);
	});
});
