import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { writeFileSync } from "node:fs";
import { LimitGroups } from "../../src/platform/cgroup-limits.ts";
import { PYTHON } from "../support/programs.ts";
import { RawServer } from "../support/raw.ts";
import { eventually, isAlive, TestServer } from "../support/server.ts";
import { TestGroup } from "../support/test-group.ts";

setDefaultTimeout(60_000);

const POLICY = { allowedExecutables: [PYTHON], argumentValidation: "literal" };

/** Takes 8 MB after 8 MB, up to a gigabyte, once it is told to. */
const HOG = `
import sys, time
print("ready", flush=True)
sys.stdin.readline()
held = []
for _ in range(128): held.append(bytearray(b"x") * (8 * 2**20))
time.sleep(60)`;

const MEMORY = "/sys/fs/cgroup/memory";

describe.skipIf(!hasMemoryGroups())(
	"a process that the kernel ends for want of memory",
	() => {
		it("is told to have passed its limit, where that was its own", async () => {
			await using server = await RawServer.start(POLICY);
			const { pid } = await server.ok("process_start", {
				executable: PYTHON,
				args: ["-c", HOG],
				resourceLimits: { maxMemoryMB: 100 },
			});
			await server.outputOf(pid, (text) => text.includes("ready"));
			await server.ok("process_send_stdin", { pid, data: "go\n" });
			// Where the server can't look, the kernel has to stop it.
			server.signal("SIGSTOP");
			try {
				await eventually(() => (isAlive(pid) ? undefined : true), "its end");
			} finally {
				server.signal("SIGCONT");
			}
			const status = await eventually(async () => {
				const now = await server.ok("process_get_status", { pid });
				return now.state === "running" ? undefined : now;
			}, "the server to notice");
			expect(status.termination).toMatchObject({
				cause: expect.stringMatching(/^memory_limit$/),
				message: expect.stringMatching(/^Memory limit exceeded: .* > 100 MB/),
			});
		});

		it("is told to be that, where it was the machine's", async () => {
			// A machine of 600 MB, for the server and what it starts.
			const machine = `${MEMORY}/mcp-process-test-${process.pid}`;
			await using group = new TestGroup(machine);
			await using server = await TestServer.start(
				{ allowedExecutables: [PYTHON], argumentValidation: "literal" },
				group,
			);
			writeFileSync(`${machine}/memory.limit_in_bytes`, String(600 * 2 ** 20));
			const { pid } = await server.ok("process_start", {
				executable: PYTHON,
				args: ["-c", HOG],
				stdin: "go\n",
			});
			const { termination, state } = await server.waitForEnd(pid);
			expect(state).toBe("crashed");
			expect(termination).toMatchObject({
				cause: "out_of_memory",
				signal: "SIGKILL",
				exitCode: 137,
			});
		});
	},
);

describe.skipIf(process.platform !== "linux")(
	"a process that somebody kills",
	() => {
		it("is not taken for one that was out of memory", async () => {
			await using server = await TestServer.start({
				allowedExecutables: [PYTHON],
				argumentValidation: "literal",
			});
			const { pid } = await server.ok("process_start", {
				executable: PYTHON,
				args: ["-c", HOG],
				resourceLimits: { maxMemoryMB: 100 },
			});
			process.kill(pid, "SIGKILL");
			const { termination } = await server.waitForEnd(pid);
			expect(termination).toMatchObject({
				cause: "signaled",
				signal: "SIGKILL",
			});
		});
	},
);

function hasMemoryGroups(): boolean {
	if (process.platform !== "linux") return false;
	const groups = LimitGroups.open(undefined);
	groups.remove();
	return groups.controllers.includes("memory");
}
