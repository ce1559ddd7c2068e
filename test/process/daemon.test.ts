import { describe, expect, it } from "bun:test";
import { killQuietly } from "../support/managed.ts";
import { PYTHON } from "../support/programs.ts";
import { eventually, isAlive, TestServer } from "../support/server.ts";

/** The classic daemon: a session of its own, and a parent that ends at once. */
const DAEMON = `
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        time.sleep(60)
    os._exit(0)
os.wait()
time.sleep(60)`;

// The server itself, as only its own process adopts what its children leave.
describe.skipIf(process.platform !== "linux")("a daemon", () => {
	it.each([
		[
			"process_terminate",
			async (server: TestServer, pid: number) => {
				const { survivors } = await server.ok("process_terminate", { pid });
				expect(survivors).toEqual([]);
			},
		],
		["the server's end", (server: TestServer) => server.client.close()],
	] as const)("that a process left behind ends with %s", async (_, end) => {
		await using server = await TestServer.start({
			allowedExecutables: [PYTHON],
			argumentValidation: "literal",
		});
		const { pid } = await server.ok("process_start", {
			executable: PYTHON,
			args: ["-c", DAEMON],
		});
		const daemon = await eventually(async () => {
			const { stdout } = await server.ok("process_get_output", { pid });
			return /^(\d+)\n/.exec(stdout)?.[1];
		}, "the daemon to start");
		try {
			expect(isAlive(Number(daemon))).toBe(true);
			await end(server, pid);
			await eventually(
				() => (isAlive(Number(daemon)) ? undefined : true),
				"the daemon to end",
				5000,
			);
			expect(isAlive(Number(daemon))).toBe(false);
		} finally {
			killQuietly(Number(daemon));
		}
	});
});
