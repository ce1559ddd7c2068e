import { describe, expect, it } from "bun:test";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fixture, PYTHON } from "../support/programs.ts";
import { Scratch, TestServer } from "../support/server.ts";

describe.skipIf(process.platform !== "linux")(
	"a directory exchanged with a link out of what is allowed, all the time",
	() => {
		it("is never entered where the link leads", async () => {
			using scratch = new Scratch();
			const allowed = join(scratch.path, "allowed");
			const secret = join(scratch.path, "secret");
			const directory = join(allowed, "directory");
			const link = join(allowed, "link");
			mkdirSync(directory, { recursive: true });
			mkdirSync(secret);
			symlinkSync(secret, link);
			await using server = await TestServer.start({
				allowedExecutables: ["pwd"],
				allowedWorkingDirectories: [allowed],
				maxConcurrentProcesses: 1000,
				maxLaunchesPerMinute: 10_000,
			});
			const swapper = Bun.spawn(
				[PYTHON, fixture("exchange.py"), directory, link],
				{ stdout: "pipe", stderr: "inherit" },
			);
			const seen = new Map<string, number>();
			try {
				await swapper.stdout.getReader().read();
				for (let attempt = 0; attempt < 150; attempt++) {
					const result = await server.client.callTool({
						name: "process_start",
						arguments: {
							executable: "pwd",
							args: ["-P"],
							cwd: directory,
							waitFor: { exit: true },
						},
					});
					const answer = result.structuredContent as
						| { stdout?: string }
						| undefined;
					const shown = answer?.stdout ?? "refused";
					seen.set(shown, (seen.get(shown) ?? 0) + 1);
				}
			} finally {
				swapper.kill("SIGKILL");
				await swapper.exited;
			}
			console.log(seen);
			// By whichever name it has in that moment.
			const own = [`${directory}\n`, `${link}\n`];
			expect(own.some((path) => seen.has(path))).toBe(true);
			for (const shown of seen.keys())
				expect(["refused", ...own]).toContain(shown);
		}, 60_000);
	},
);
