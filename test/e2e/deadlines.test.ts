import { describe, expect, it, setDefaultTimeout } from "bun:test";
import type { ConfigInput } from "../../src/config/schema.ts";
import { PYTHON } from "../support/programs.ts";
import { eventually, isAlive, TestServer } from "../support/server.ts";
import { startTree } from "../support/tree.ts";

setDefaultTimeout(60_000);

const CONFIG: ConfigInput = {
	allowedExecutables: [PYTHON, "sleep", "true"],
};

const gone = (pids: readonly number[]) =>
	eventually(
		() => (pids.some(isAlive) ? undefined : true),
		`${pids.join(", ")} to end`,
	);

describe("process_start's timeout", () => {
	it("ends a stubborn tree, and is the cause", async () => {
		await using server = await TestServer.start(CONFIG);
		const { pid, members } = await startTree(
			server,
			"ignore-signals.py",
			["family"],
			{ timeout: 1000 },
		);
		expect(await server.waitForEnd(pid)).toMatchObject({
			state: "crashed",
			exitCode: 137,
			termination: { cause: "timeout", signal: "SIGKILL" },
		});
		await gone(members);
	});

	it("leaves a process alone that ends in time", async () => {
		await using server = await TestServer.start(CONFIG);
		const { pid } = await server.ok("process_start", {
			executable: "true",
			timeout: 30_000,
		});
		expect(await server.waitForEnd(pid)).toMatchObject({
			state: "stopped",
			termination: { cause: "exited" },
		});
	});

	it("ends what a leader left behind when it ended", async () => {
		await using server = await TestServer.start(CONFIG);
		const { pid, members } = await startTree(server, "leave-child.py", [], {
			closeStdin: true,
			timeout: 1500,
		});
		await server.waitForEnd(pid);
		await gone(members);
	});

	it.each([[2 ** 31], [2 ** 31 + 1000], [2 ** 32], [2 ** 40], [2 ** 53]])(
		"of %d ms does not fire",
		async (timeout) => {
			await using server = await TestServer.start(CONFIG);
			const { pid } = await server.ok("process_start", {
				executable: "sleep",
				args: ["60"],
				timeout,
			});
			// Enough for a timer that overflowed, which fires at once.
			const { pid: other } = await server.ok("process_start", {
				executable: "sleep",
				args: ["0.3"],
			});
			await server.waitForEnd(other);
			expect(await server.ok("process_get_status", { pid })).toMatchObject({
				state: "running",
			});
		},
	);
});

describe("maxProcessLifetime", () => {
	it("ends a process that outlives it, and is the cause", async () => {
		await using server = await TestServer.start({
			...CONFIG,
			maxProcessLifetime: 1,
		});
		const { pid, members } = await startTree(server, "ignore-signals.py", [
			"family",
		]);
		expect(await server.waitForEnd(pid)).toMatchObject({
			state: "crashed",
			termination: { cause: "lifetime" },
		});
		await gone(members);
		expect(
			(await server.ok("process_get_status", { pid })).uptime,
		).toBeGreaterThanOrEqual(1000);
	});

	it.each([[2 ** 31], [2 ** 32], [2 ** 53]])(
		"of %d ms does not fire",
		async (lifetime) => {
			await using server = await TestServer.start({
				...CONFIG,
				maxProcessLifetime: lifetime / 1000,
			});
			const { pid } = await server.ok("process_start", {
				executable: "sleep",
				args: ["60"],
			});
			await Bun.sleep(300);
			expect(await server.ok("process_get_status", { pid })).toMatchObject({
				state: "running",
			});
		},
	);
});

describe("a process that ends by itself", () => {
	it.each([
		["import sys; sys.exit(0)", "stopped", "exited", 0, null],
		["import sys; sys.exit(3)", "crashed", "exited", 3, null],
		[
			"import os; os.kill(os.getpid(), 9)",
			"crashed",
			"signaled",
			137,
			"SIGKILL",
		],
		[
			"import os; os.kill(os.getpid(), 15)",
			"crashed",
			"signaled",
			143,
			"SIGTERM",
		],
		["import os; os.abort()", "crashed", "signaled", 134, "SIGABRT"],
	] as const)(
		"by %j is %s, cause %s",
		async (code, state, cause, exitCode, signal) => {
			await using server = await TestServer.start({
				...CONFIG,
				argumentValidation: "literal",
			});
			const { pid } = await server.ok("process_start", {
				executable: PYTHON,
				args: ["-c", code],
			});
			expect(await server.waitForEnd(pid)).toMatchObject({
				state,
				exitCode,
				termination: { cause, exitCode, signal },
			});
		},
	);

	it("has ended although a grandchild holds its output open", async () => {
		await using server = await TestServer.start({
			...CONFIG,
			argumentValidation: "literal",
		});
		const { pid } = await server.ok("process_start", {
			executable: PYTHON,
			args: [
				"-c",
				"import os, time\nif os.fork() == 0: time.sleep(60)\nprint('bye', flush=True)",
			],
		});
		expect(await server.waitForEnd(pid)).toMatchObject({ state: "stopped" });
		expect(await server.ok("process_get_output", { pid })).toMatchObject({
			stdout: "bye\n",
		});
		await server.ok("process_terminate", { pid, force: true });
	});
});
