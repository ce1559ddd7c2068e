import { describe, expect, it } from "bun:test";
import { readFileSync } from "node:fs";
import { codeOf } from "../../src/platform/linux-code.ts";
import { eventually, TestServer } from "../support/server.ts";

/** Kilobytes of files that a server which has just started has resident, well below what that took. */
const MOST_OF_A_START = 30_000;

const MAPS = `00200000-01000000 r--p 00000000 fe:01 42                                 /opt/a b/mcp-process
01000000-05e0a000 r-xp 00e00000 fe:01 42                                 /opt/a b/mcp-process
05e0a000-05f00000 rw-p 05c09000 fe:01 42                                 /opt/a b/mcp-process
05f00000-06000000 r-xp 00e00000 fe:01 43                                 /opt/a b/mcp-process.old
7f0000000000-7f0000001000 rwxp 00000000 00:00 0
7f2c3a600000-7f2c3a628000 r-xp 00000000 fe:01 18                         /usr/lib/libc.so.6
7ffc577e0000-7ffc577e2000 r-xp 00000000 00:00 0                          [vdso]
`;

describe("a program's code", () => {
	it("is what of its file can be run and not be written", () => {
		expect(codeOf(MAPS, "/opt/a b/mcp-process")).toEqual([
			{ start: 0x1000000n, length: 0x4e0a000n },
		]);
		expect(codeOf(MAPS, "/opt/mcp-process")).toEqual([]);
		expect(codeOf("", "")).toEqual([]);
	});

	it.skipIf(process.platform !== "linux")(
		"stays where no descriptor is left to find it with",
		() => {
			const script = `
				const { openSync } = require("node:fs");
				const { forgetCode } = await import(${JSON.stringify(`${import.meta.dir}/../../src/platform/linux-code.ts`)});
				try {
					for (;;) openSync("/dev/null", "r");
				} catch {}
				forgetCode(() => process.exit(2));
				process.exit(7);`;
			const { exitCode } = Bun.spawnSync([
				...["prlimit", "--nofile=60:60"],
				...[process.execPath, "-e", script],
			]);
			expect(exitCode).toBe(7);
		},
	);

	it.skipIf(process.platform !== "linux")(
		"is given back once a server has started, which then works as before",
		async () => {
			await using server = await TestServer.start({
				allowedExecutables: ["true"],
			});
			const resident = () => {
				const status = readFileSync(`/proc/${server.pid}/status`, "utf8");
				return Number(/^RssFile:\s+(\d+)/m.exec(status)?.[1]);
			};
			await eventually(
				() => resident() < MOST_OF_A_START || undefined,
				"its start to be forgotten",
			);
			const { exitCode } = await server.ok("process_start", {
				executable: "true",
				waitFor: { exit: true },
			});
			expect(exitCode).toBe(0);
		},
	);
});
