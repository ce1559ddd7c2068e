import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { memoryOf } from "../support/proc.ts";
import { PYTHON } from "../support/programs.ts";
import { TestServer } from "../support/server.ts";
import { screenOf, startInTerminal } from "../support/terminal.ts";

setDefaultTimeout(120_000);

describe.skipIf(process.platform !== "linux")("a terminal", () => {
	it("gives 100 MB whole, in flat memory", async () => {
		await using server = await TestServer.start({
			allowedExecutables: [PYTHON],
			argumentValidation: "literal",
			maxOutputBufferSize: 2 ** 20,
		});
		const program = `
import os
line = b"%s\\n" % (b"x" * 99)
for n in range(10000): os.write(1, line * 100) == 10000 or exit(1)
os.write(1, b"the end\\n")`;
		const warm = await startInTerminal(server, PYTHON, ["-c", program]);
		await server.waitForEnd(warm);
		const before = memoryOf(server.pid);
		const pid = await startInTerminal(server, PYTHON, ["-c", program]);
		expect(await server.waitForEnd(pid)).toMatchObject({ exitCode: 0 });
		expect(memoryOf(server.pid)).toBeLessThan(before + 60 * 2 ** 20);
		const reply = await server.ok("process_get_output", { pid, tailLines: 1 });
		expect(reply.stdout).toBe("the end\n");
		// Each newline became two bytes.
		expect(reply.cursor).toBe(`${1_000_000 * 101 + 9}.0`);
		const screen = await screenOf(server, pid);
		expect(screen.lines.at(-1)).toBe("the end");
		expect(screen.missed).toBe(1_000_000 * 101 + 9 - 2 ** 20);
	});
});
