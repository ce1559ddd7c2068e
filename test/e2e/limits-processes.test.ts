import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ConfigInput } from "../../src/config/schema.ts";
import { fixture, PYTHON } from "../support/programs.ts";
import { eventually, Scratch, TestServer } from "../support/server.ts";
import { WITH_CGROUPS } from "../support/ways.ts";

setDefaultTimeout(90_000);

const CONFIG: ConfigInput = {
	allowedExecutables: [PYTHON],
	argumentValidation: "literal",
};
const LINUX = process.platform === "linux";

describe.skipIf(!LINUX)("a limit of processes", () => {
	it.each([
		[false, "bounded by it soon"],
		[true, "ended at once"],
	])("holds against a fork bomb (strict: %p), which is %s", async (strict) => {
		using scratch = new Scratch();
		const trace = join(scratch.path, "trace");
		writeFileSync(trace, "");
		await using server = await TestServer.start({
			...CONFIG,
			strictResourceEnforcement: strict,
		});
		const { pid } = await server.ok("process_start", {
			executable: PYTHON,
			args: [fixture("bomb.py"), "1500", trace, "60"],
			resourceLimits: { maxProcesses: 40 },
		});
		const { termination } = await server.waitForEnd(pid);
		expect(termination).toMatchObject({
			cause: "process_limit",
			exitCode: 137,
			message: expect.stringMatching(/^Process limit exceeded: \d+ > 40$/),
		});
		await eventually(async () => {
			const stats = await server.ok("process_get_stats", { pid });
			return stats.processCount === 0 || undefined;
		}, "all of it to be gone");
		const forks = readFileSync(trace).length;
		console.log(`strict ${strict}: ${forks} forks`);
		await Bun.sleep(300);
		expect(readFileSync(trace).length).toBe(forks);
		if (strict) expect(forks).toBeLessThan(1500);
	});

	it("is what ended a tree that can fork no more, also where somebody asks for its figures all the time", async () => {
		await using server = await TestServer.start(CONFIG);
		const causes: string[] = [];
		for (let round = 0; round < 6; round++) {
			const { pid } = await server.ok("process_start", {
				executable: PYTHON,
				args: [
					"-c",
					"import os, time\nfor _ in range(300):\n  if os.fork() == 0: time.sleep(60)\n  time.sleep(0.005)\ntime.sleep(60)",
				],
				resourceLimits: { maxProcesses: 10 },
			});
			for (;;) {
				const { state } = await server.ok("process_get_stats", { pid });
				if (state !== "running") break;
			}
			const { termination } = await server.ok("process_get_status", { pid });
			causes.push(termination.cause);
		}
		expect(causes).toEqual(causes.map(() => "process_limit"));
	});

	it.skipIf(!WITH_CGROUPS.isAvailable)(
		"holds against thousands in sessions of their own that take all processors, and the server answers meanwhile",
		async () => {
			await using server = await TestServer.start(CONFIG);
			const { pid } = await server.ok("process_start", {
				executable: PYTHON,
				args: [fixture("sessions-bomb.py"), "12"],
				resourceLimits: { maxProcesses: 40 },
			});
			const worst = await worstAnswer(
				() => server.ok("process_get_status", { pid }),
				({ state }) => state !== "running",
			);
			const status = () => server.ok("process_get_status", { pid });
			const { termination } = await status();
			console.log(`${termination.message}; worst ${worst} ms`);
			expect(termination.cause).toBe("process_limit");
			expect(termination.signal).toBe("SIGKILL");
			// They are killed with it, but each dies only when it has a processor.
			await eventually(
				async () => (await status()).stats.processCount === 0 || undefined,
				"the last of them to die",
			);
			// Without a share of its own it waited for minutes.
			expect(worst).toBeLessThan(3000);
		},
	);
});

describe.skipIf(!WITH_CGROUPS.isAvailable)("without any limit", () => {
	it("hundreds in sessions of their own that take all processors leave the server its part", async () => {
		await using server = await TestServer.start(CONFIG);
		const { pid } = await server.ok("process_start", {
			executable: PYTHON,
			args: [fixture("sessions-bomb.py"), "9"],
		});
		await eventually(async () => {
			const { processCount } = await server.ok("process_get_stats", { pid });
			return processCount > 256 || undefined;
		}, "its growth");
		let asked = 0;
		const worst = await worstAnswer(
			() => server.client.ping(),
			() => ++asked === 200,
		);
		console.log(`worst ${worst} ms`);
		// A look at it takes up to half a second; without its part the server did not
		// come to see the growth, nor to end it.
		expect(worst).toBeLessThan(5000);
		const before = performance.now();
		const { survivors } = await server.ok("process_terminate", {
			pid,
			force: true,
		});
		expect(survivors).toEqual([]);
		expect(performance.now() - before).toBeLessThan(5000);
	});
});

describe.skipIf(!LINUX)("a tree of more than 32 processes", () => {
	it("is not interrupted while it waits", async () => {
		await using server = await TestServer.start(CONFIG);
		const { exitCode, stdout } = await server.ok("process_start", {
			executable: PYTHON,
			args: [fixture("waiters.py"), "35", "4000"],
			waitFor: { exit: true },
		});
		expect(exitCode).toBe(0);
		expect(stdout).toBe("0\n".repeat(35));
	});
});

/** Milliseconds that the slowest answer took, up to one that is as wanted. */
async function worstAnswer<T>(
	ask: () => Promise<T>,
	isLast: (answer: T) => boolean,
): Promise<number> {
	let worst = 0;
	await eventually(async () => {
		const start = performance.now();
		const answer = await ask();
		worst = Math.max(worst, performance.now() - start);
		return isLast(answer) || undefined;
	}, "the last answer");
	return worst;
}
