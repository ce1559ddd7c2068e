import { describe, expect, it } from "bun:test";
import type { ConfigInput } from "../../src/config/schema.ts";
import { eventually, isAlive, TestServer } from "../support/server.ts";
import { until, viewOf } from "../support/services.ts";

const CONFIG: ConfigInput = {
	allowedExecutables: ["python3", "sleep", "true", "false"],
	argumentValidation: "literal",
};

describe.skipIf(process.platform === "win32")("a service", () => {
	it("has one place for its life, also between instances, and gives it back", async () => {
		await using server = await TestServer.start({
			...CONFIG,
			maxConcurrentProcesses: 1,
		});
		await server.ok("process_start_service", {
			name: "one",
			executable: "false",
			restartPolicy: { backoffMs: 60_000 },
		});
		await until(server, "one", ({ state }) => state === "backoff");
		const refusal = await server.fails("process_start", { executable: "true" });
		expect(refusal).toMatchObject({
			code: "CONCURRENT_LIMIT_EXCEEDED",
			message:
				"Maximum concurrent processes reached: 1 are running (maxConcurrentProcesses); of these, services wait to be started again: one",
			remediation: expect.stringContaining("process_stop_service"),
			details: { running: 1, waitingServices: ["one"] },
		});
		await server.ok("process_stop_service", { serviceId: "one" });
		await server.ok("process_start", { executable: "true" });
	});

	it("is not alone in that: a process of which only children live has one too, and whoever asks is told", async () => {
		await using server = await TestServer.start({
			...CONFIG,
			maxConcurrentProcesses: 1,
		});
		const { pid, leftBehind } = await server.ok("process_start", {
			executable: "python3",
			args: [
				"-c",
				"import subprocess; subprocess.Popen(['sleep', '600'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)",
			],
			waitFor: { exit: true },
		});
		expect(leftBehind).toBe(1);
		for (const tool of ["process_wait", "process_get_status"])
			expect(await server.ok(tool, { pid })).toMatchObject({ leftBehind: 1 });
		const running = async () =>
			(await server.ok("process_list", { state: "running" })).processes;
		expect(await running()).toMatchObject([
			{ pid, state: "stopped", exitCode: 0, leftBehind: 1 },
		]);
		const refusal = await server.fails("process_start", { executable: "true" });
		expect(refusal.code).toBe("CONCURRENT_LIMIT_EXCEEDED");
		await server.ok("process_terminate", { pid });
		expect(await running()).toEqual([]);
		const [ended] = (await server.ok("process_list", { state: "stopped" }))
			.processes;
		expect(ended.pid).toBe(pid);
		expect(ended).not.toHaveProperty("leftBehind");
		for (const tool of ["process_wait", "process_get_status"])
			expect(await server.ok(tool, { pid })).not.toHaveProperty("leftBehind");
	});

	it("exists once, until it is over", async () => {
		await using server = await TestServer.start(CONFIG);
		const start = { name: "a", executable: "sleep", args: ["600"] };
		const both = await Promise.allSettled([
			server.ok("process_start_service", start),
			server.ok("process_start_service", start),
		]);
		expect(both.map(({ status }) => status).sort()).toEqual([
			"fulfilled",
			"rejected",
		]);
		expect((await server.fails("process_start_service", start)).code).toBe(
			"SERVICE_EXISTS",
		);
		const { pid } = await viewOf(server, "a");
		await server.ok("process_terminate", { pid });
		expect((await viewOf(server, "a")).state).toBe("stopped");
		const again = await server.ok("process_start_service", start);
		expect(again.pid).not.toBe(pid);
		const [one, two] = await Promise.all([
			server.ok("process_restart_service", { serviceId: "a" }),
			server.ok("process_restart_service", { serviceId: "a" }),
		]);
		expect(one).toEqual(two);
		expect(one).toMatchObject({ serviceId: "a", restarts: 1 });
		expect(isAlive(again.pid)).toBe(false);
		expect(
			(await server.fails("process_stop_service", { serviceId: "b" })).code,
		).toBe("SERVICE_NOT_FOUND");
	});

	it("that passes a limit has crashed, and is started again", async () => {
		await using server = await TestServer.start(CONFIG);
		await server.ok("process_start_service", {
			name: "hog",
			executable: "python3",
			args: ["-c", "x = bytearray(200 << 20)\nimport time; time.sleep(600)"],
			resourceLimits: { maxMemoryMB: 100 },
			restartPolicy: { maxRetries: 1, backoffMs: 100 },
		});
		const view = await until(server, "hog", ({ state }) => state === "failed");
		expect(view.restarts).toBe(1);
		expect(view.failure.reason).toStartWith("Memory limit exceeded");
	});

	it("does not come back while the server stops, nor after", async () => {
		const server = await TestServer.start(CONFIG);
		const pids: number[] = [];
		const serverPid = server.pid;
		try {
			for (const name of ["a", "b"])
				pids.push(
					(
						await server.ok("process_start_service", {
							name,
							executable: "sleep",
							args: ["600"],
							restartPolicy: { backoffMs: 100 },
						})
					).pid,
				);
			await server.ok("process_start_service", {
				name: "waiting",
				executable: "false",
				restartPolicy: { backoffMs: 100, maxRetries: 1000, maxBackoffMs: 100 },
			});
		} finally {
			await server[Symbol.asyncDispose]();
		}
		await eventually(
			() => (isAlive(serverPid) ? undefined : true),
			"the server to be gone",
		);
		expect(pids.filter(isAlive)).toEqual([]);
	});

	it("is not killed where that is not allowed, and not started again", async () => {
		await using server = await TestServer.start({
			...CONFIG,
			allowForcedTermination: false,
		});
		const { pid } = await server.ok("process_start_service", {
			name: "deaf",
			executable: "python3",
			args: [
				"-uc",
				"import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready'); time.sleep(600)",
			],
			restartPolicy: { backoffMs: 100 },
		});
		await server.waitForOutput(pid, "ready");
		const stop = { serviceId: "deaf", timeout: 100 };
		expect((await server.fails("process_stop_service", stop)).code).toBe(
			"TERMINATION_FAILED",
		);
		expect(isAlive(pid)).toBe(true);
		expect(
			(await server.fails("process_stop_service", { ...stop, force: true }))
				.code,
		).toBe("SECURITY_VIOLATION");
		process.kill(pid, "SIGKILL");
		const view = await until(
			server,
			"deaf",
			({ state }) => state === "stopped",
		);
		expect(view.restarts).toBe(0);
	});

	it("is started anew by an agent within the rate of launches only, and runs on beyond it", async () => {
		await using server = await TestServer.start({
			...CONFIG,
			maxLaunchesPerMinute: 3,
		});
		const serviceId = "eager";
		await server.ok("process_start_service", {
			name: serviceId,
			executable: "sleep",
			args: ["600"],
		});
		for (const restarts of [1, 2])
			expect(
				await server.ok("process_restart_service", { serviceId }),
			).toMatchObject({ restarts });
		const refusal = await server.fails("process_restart_service", {
			serviceId,
		});
		expect(refusal.code).toBe("RATE_LIMIT_EXCEEDED");
		expect(await viewOf(server, serviceId)).toMatchObject({
			state: "running",
			restarts: 2,
		});
	});
});
