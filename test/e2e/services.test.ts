import { describe, expect, it } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ConfigInput } from "../../src/config/schema.ts";
import { freePort } from "../support/port.ts";
import {
	eventually,
	isAlive,
	type Success,
	TestServer,
} from "../support/server.ts";
import { until, viewOf } from "../support/services.ts";

const CONFIG: ConfigInput = {
	allowedExecutables: ["python3", "node", "sleep", "true", "false"],
	argumentValidation: "literal",
};

const NODE_SERVER = `require("node:http").createServer((_, answer) => answer.end("ok")).listen(Number(process.argv[1]), "127.0.0.1")`;

describe.skipIf(process.platform === "win32")(
	"a web server as a service",
	() => {
		it.each([
			[
				"python3",
				(port: number) => [
					"-u",
					"-m",
					"http.server",
					`${port}`,
					"--bind",
					"127.0.0.1",
				],
			],
			["node", (port: number) => ["-e", NODE_SERVER, `${port}`]],
		] as const)(
			"of %s is started, healthy, killed, back, and stopped",
			async (executable, argsOf) => {
				await using server = await TestServer.start(CONFIG);
				const port = freePort();
				const { pid, serviceId } = await server.ok("process_start_service", {
					name: "web",
					executable,
					args: argsOf(port),
					restartPolicy: { backoffMs: 200 },
					healthCheck: { http: `http://localhost:${port}/`, interval: 20_000 },
				});
				expect(serviceId).toBe("web");
				const isHealthy = (view: Success) => view.health?.state === "healthy";
				expect(await until(server, "web", isHealthy)).toMatchObject({
					state: "running",
					pid,
					run: 1,
					restarts: 0,
					health: { last: { detail: "status 200" } },
				});
				process.kill(pid, "SIGKILL");
				const back = await until(
					server,
					"web",
					(view) => view.run === 2 && isHealthy(view),
				);
				expect(back).toMatchObject({
					state: "running",
					restarts: 1,
					lastExit: { pid, exitCode: 137, signal: "SIGKILL" },
				});
				expect(back.pid).not.toBe(pid);
				const status = await server.ok("process_get_status", {
					serviceId: "web",
				});
				expect(status).toMatchObject({
					pid: back.pid,
					ports: [port],
					service: { history: [{ run: 1, pid }] },
				});
				const { processes } = await server.ok("process_list");
				expect(
					processes.map((each: Success) => [each.pid, each.serviceId]),
				).toEqual([
					[pid, "web"],
					[back.pid, "web"],
				]);
				expect(
					await server.ok("process_stop_service", { serviceId: "web" }),
				).toMatchObject({ serviceId: "web", survivors: [] });
				expect(isAlive(back.pid)).toBe(false);
				expect((await viewOf(server, "web")).state).toBe("stopped");
				const log = readFileSync(join(server.folder, "audit.log"), "utf8");
				for (const part of [
					'"operation":"restart","executable"',
					'"result":"healthy","reason":"web: status 200"',
					'"result":"scheduled"',
					'"operation":"service"',
				])
					expect(log).toContain(part);
			},
		);
	},
);

describe.skipIf(process.platform === "win32")("a service", () => {
	it("that ignores SIGTERM and has grandchildren is gone when its stop is answered", async () => {
		await using server = await TestServer.start(CONFIG);
		const program = [
			"import os, signal, subprocess, sys, time",
			// In one write: print's end of the line is another, and three write here.
			"tell = lambda pid: os.write(1, b'%d\\n' % pid)",
			"signal.signal(signal.SIGTERM, signal.SIG_IGN)",
			"for _ in range(2):",
			"    pid = os.fork()",
			"    if pid == 0:",
			"        os.setsid()",
			"        child = subprocess.Popen([sys.executable, '-c', 'import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(\"ready\", flush=True); time.sleep(600)'])",
			"        tell(child.pid)",
			"        time.sleep(600)",
			"    tell(pid)",
			"time.sleep(600)",
		].join("\n");
		const { pid } = await server.ok("process_start_service", {
			name: "stubborn",
			executable: "python3",
			args: ["-c", program],
		});
		const output = await eventually(async () => {
			const { stdout } = await server.ok("process_get_output", {
				serviceId: "stubborn",
			});
			return stdout.split("ready").length === 3 ? stdout : undefined;
		}, "two grandchildren to be ready");
		const pids = [pid, ...(output.match(/\d+/g) ?? []).map(Number)];
		expect(pids).toHaveLength(5);
		expect(
			await server.ok("process_stop_service", {
				serviceId: "stubborn",
				timeout: 200,
			}),
		).toMatchObject({
			exitCode: 137,
			terminationReason: "forced",
			survivors: [],
		});
		expect(pids.filter(isAlive)).toEqual([]);
	});

	it("that crashes and crashes is given up, with its reason and last output", async () => {
		await using server = await TestServer.start({
			...CONFIG,
			maxConcurrentProcesses: 1,
			maxLaunchesPerMinute: 1,
		});
		await server.ok("process_start_service", {
			name: "bad",
			executable: "python3",
			args: ["-c", "raise SystemExit('no database')"],
			restartPolicy: { maxRetries: 2, backoffMs: 100 },
		});
		const failed = await until(
			server,
			"bad",
			({ state }) => state === "failed",
		);
		expect(failed).toMatchObject({
			restarts: 2,
			failure: {
				reason:
					"exited with code 1; 2 restarts in a row did not help (restartPolicy.maxRetries)",
				output: "no database",
			},
			history: [{ run: 1 }, { run: 2 }, { run: 3 }],
		});
		const { stderr, run } = await server.ok("process_get_output", {
			serviceId: "bad",
		});
		expect([stderr, run]).toEqual(["no database\n", 3]);
	});

	it("is read over its restarts by one cursor, with nothing lost or repeated", async () => {
		await using server = await TestServer.start(CONFIG);
		await server.ok("process_start_service", {
			name: "count",
			executable: "python3",
			args: [
				"-uc",
				"import os,time; print(os.getpid()); time.sleep(0.2); print('end'); raise SystemExit(1)",
			],
			restartPolicy: { maxRetries: 2, backoffMs: 100 },
		});
		const runs = new Map<number, string>();
		let cursor: string | undefined = "1:0.0";
		await eventually(async () => {
			const reply: Success = await server.ok("process_get_output", {
				serviceId: "count",
				cursor,
			});
			cursor = reply.cursor;
			runs.set(reply.run, (runs.get(reply.run) ?? "") + reply.stdout);
			return runs.get(3)?.endsWith("end\n") ? true : undefined;
		}, "three runs to be read");
		const { history } = await until(
			server,
			"count",
			({ state }) => state === "failed",
		);
		expect([...runs]).toEqual(
			history.map(({ run, pid }: Success) => [run, `${pid}\nend\n`]),
		);
	});
});
