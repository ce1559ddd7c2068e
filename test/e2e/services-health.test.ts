import { describe, expect, it } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import type { ConfigInput } from "../../src/config/schema.ts";
import { eventually, type Success, TestServer } from "../support/server.ts";

const CONFIG: ConfigInput = {
	allowedExecutables: ["python3", "sleep", "true", "false"],
	argumentValidation: "literal",
};

const SLEEPER = { name: "a", executable: "sleep", args: ["600"] } as const;

async function viewOf(server: TestServer): Promise<Success> {
	return (await server.ok("process_list")).services[0];
}

/** How many processes run with this text in their command line. */
function countOf(text: string): number {
	return readdirSync("/proc").filter((name) => {
		if (!/^\d+$/.test(name)) return false;
		try {
			return readFileSync(`/proc/${name}/cmdline`, "utf8").includes(text);
		} catch {
			return false;
		}
	}).length;
}

describe.skipIf(process.platform !== "linux")("a health command", () => {
	it("that passes makes the service healthy, with its output kept", async () => {
		await using server = await TestServer.start(CONFIG);
		await server.ok("process_start_service", {
			...SLEEPER,
			healthCheck: { command: `python3 -c 'print("all well")'` },
		});
		const view = await eventually(async () => {
			const view = await viewOf(server);
			return view.health.state === "healthy" ? view : undefined;
		}, "it to be healthy");
		expect(view.health.last).toMatchObject({
			healthy: true,
			detail: "exited with code 0",
			output: "all well",
		});
		// It is no process of anybody's.
		expect((await server.ok("process_list")).processes).toHaveLength(1);
	});

	it("that fails has the service restarted, in a row that ends", async () => {
		await using server = await TestServer.start(CONFIG);
		await server.ok("process_start_service", {
			...SLEEPER,
			healthCheck: { command: "false", interval: 100 },
			restartPolicy: { maxRetries: 1, backoffMs: 100 },
		});
		const view = await eventually(async () => {
			const view = await viewOf(server);
			return view.state === "failed" ? view : undefined;
		}, "it to fail");
		expect(view.failure.reason).toStartWith("unhealthy: exited with code 1");
		expect(view.history.map(({ reason }: Success) => reason)).toEqual([
			"unhealthy: exited with code 1",
			"unhealthy: exited with code 1",
		]);
	});

	it("that hangs and forks is ended with all that it started, and never runs twice", async () => {
		await using server = await TestServer.start(CONFIG);
		const mark = `mark-${crypto.randomUUID()}`;
		// It tells how many of the last check still live, then forks and hangs.
		const program = [
			"import os, time",
			"def has(pid):",
			`  try: return b'${mark}' in open('/proc/'+pid+'/cmdline','rb').read()`,
			"  except OSError: return False",
			"print('others', sum(has(p) for p in os.listdir('/proc') if p.isdigit()) - 1, flush=True)",
			"[os.fork() for _ in range(2)]",
			"os.getpid() == os.getpgrp() or os.setsid()",
			"time.sleep(600)",
		].join("\n");
		const script = `${server.folder}/check.py`;
		writeFileSync(script, program, { mode: 0o644 });
		await server.ok("process_start_service", {
			...SLEEPER,
			healthCheck: {
				command: `python3 ${script} ${mark}`,
				interval: 100,
				timeout: 6000,
				retries: 2,
			},
			restartPolicy: { enabled: false },
		});
		const outputs = new Set<string>();
		await eventually(
			async () => {
				const { health } = await viewOf(server);
				if (health.last) outputs.add(health.last.output);
				return health.state === "unhealthy" ? true : undefined;
			},
			"it to be unhealthy",
			50_000,
		);
		expect([...outputs]).toEqual(["others 0"]);
		const { health } = await viewOf(server);
		expect(health.last.detail).toBe("did not end in 6000 ms");
		await server.ok("process_stop_service", { serviceId: "a" });
		await eventually(
			() => (countOf(mark) === 0 ? true : undefined),
			"nothing of the check to be left",
		);
	}, 60_000);

	it.each([
		["cat x", "SECURITY_VIOLATION", "not_in_allowlist"],
		["bash -c true", "SECURITY_VIOLATION", "shell_interpreter"],
		["rm -rf x", "SECURITY_VIOLATION", "dangerous_executable"],
		["true | false", "INVALID_ARGUMENT", undefined],
	])(
		"%j is refused before anything is started",
		async (command, code, kind) => {
			await using server = await TestServer.start(CONFIG);
			const refusal = await server.fails("process_start_service", {
				...SLEEPER,
				healthCheck: { command },
			});
			expect(refusal.code).toBe(code);
			expect(refusal.details).toMatchObject({
				field: "healthCheck.command",
				...(kind && { violation: kind }),
			});
			const { processes, services } = await server.ok("process_list");
			expect([processes, services]).toEqual([[], []]);
		},
	);

	it("is shown to the user who has to confirm the service, and asked about once", async () => {
		const questions: string[] = [];
		await using server = await TestServer.start(
			{ ...CONFIG, requireConfirmation: true },
			{
				onAsk: (question) => {
					questions.push(question);
					return "accept";
				},
			},
		);
		const { pid } = await server.ok("process_start_service", {
			...SLEEPER,
			healthCheck: { command: "python3 -c pass", interval: 200 },
			restartPolicy: { backoffMs: 100 },
		});
		process.kill(pid, "SIGKILL");
		await eventually(async () => {
			const view = await viewOf(server);
			return view.run === 2 && view.health?.state === "healthy"
				? true
				: undefined;
		}, "the second run to be healthy");
		expect(questions).toHaveLength(1);
		expect(questions[0]).toMatch(/checked again and again by: ".*python/);
		expect(questions[0]).toContain('check argument 2: "pass"');
	});
});

describe("an input", () => {
	it.each([
		[{ name: "" }, "name"],
		[{ name: "a b" }, "name"],
		[{ name: "-a" }, "name"],
		[{ name: "x".repeat(101) }, "name"],
		[{ healthCheck: {} }, "healthCheck"],
		[{ healthCheck: { tcp: 80, http: "http://localhost/" } }, "healthCheck"],
		[{ healthCheck: { http: "http://example.com/" } }, "healthCheck.http"],
		[{ restartPolicy: { backoffMs: 1 } }, "restartPolicy.backoffMs"],
	])("%j is refused by its field", async (change, field) => {
		await using server = await TestServer.start(CONFIG);
		const refusal = await server.fails("process_start_service", {
			...SLEEPER,
			...change,
		});
		expect(refusal.code).toBe("INVALID_ARGUMENT");
		expect(refusal.details?.field).toBe(field);
		expect((await server.ok("process_list")).services).toEqual([]);
	});

	it("of a tool names a process or a service, exactly one", async () => {
		await using server = await TestServer.start(CONFIG);
		const { pid } = await server.ok("process_start_service", SLEEPER);
		for (const tool of [
			"process_get_stats",
			"process_get_output",
			"process_get_status",
			"process_send_stdin",
		]) {
			const more = tool === "process_send_stdin" ? { data: "x" } : {};
			await server.ok(tool, { serviceId: "a", ...more });
			for (const which of [{}, { pid, serviceId: "a" }]) {
				const refusal = await server.fails(tool, { ...which, ...more });
				expect(refusal.code).toBe("INVALID_ARGUMENT");
				expect(refusal.message).toContain("exactly one");
			}
			const unknown = await server.fails(tool, { serviceId: "b", ...more });
			expect(unknown.code).toBe("SERVICE_NOT_FOUND");
		}
	});
});
