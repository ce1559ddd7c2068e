import { describe, expect, it } from "bun:test";
import { isAlive, TestServer } from "../support/server.ts";
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

	it.skipIf(process.platform === "win32")("is whole", async () => {
		await wholeSession({}, isAlive);
	});
});
