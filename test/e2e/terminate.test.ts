import { describe, expect, it, setDefaultTimeout } from "bun:test";
import type { ConfigInput } from "../../src/config/schema.ts";
import { fixture, PYTHON } from "../support/programs.ts";
import { isAlive, TestServer } from "../support/server.ts";
import { startTree } from "../support/tree.ts";

setDefaultTimeout(60_000);

const CONFIG: ConfigInput = {
	allowedExecutables: [PYTHON, "sleep", "cat", "true"],
};

describe("process_terminate", () => {
	it("ends a process that heeds SIGTERM gracefully", async () => {
		await using server = await TestServer.start(CONFIG);
		const { pid } = await server.ok("process_start", {
			executable: "sleep",
			args: ["60"],
		});
		expect(await server.ok("process_terminate", { pid })).toMatchObject({
			pid,
			exitCode: 143,
			signal: "SIGTERM",
			terminationReason: "graceful",
			survivors: [],
		});
		expect(isAlive(pid)).toBe(false);
		expect(await server.ok("process_get_status", { pid })).toMatchObject({
			state: "stopped",
			termination: { cause: "terminated", signal: "SIGTERM", exitCode: 143 },
		});
	});

	it("kills at once with force", async () => {
		await using server = await TestServer.start(CONFIG);
		const { pid, members } = await startTree(server, "ignore-signals.py", [
			"family",
		]);
		expect(members).toHaveLength(2);
		expect(
			await server.ok("process_terminate", { pid, force: true }),
		).toMatchObject({
			exitCode: 137,
			signal: "SIGKILL",
			terminationReason: "forced",
			survivors: [],
		});
		expect(members.filter(isAlive)).toEqual([]);
	});

	it("ends grandchildren that ignore SIGTERM by escalation after its timeout", async () => {
		await using server = await TestServer.start(CONFIG);
		const { pid, members } = await startTree(server, "ignore-signals.py", [
			"family",
		]);
		const began = performance.now();
		const ended = await server.ok("process_terminate", { pid, timeout: 300 });
		expect(ended).toMatchObject({
			exitCode: 137,
			terminationReason: "forced",
			survivors: [],
		});
		expect(performance.now() - began).toBeGreaterThanOrEqual(300);
		expect(members.filter(isAlive)).toEqual([]);
	});

	it("ends a process that is stopped", async () => {
		await using server = await TestServer.start(CONFIG);
		const { pid } = await startTree(server, "stop-itself.py");
		expect(await server.ok("process_terminate", { pid })).toMatchObject({
			terminationReason: "graceful",
			survivors: [],
		});
		expect(isAlive(pid)).toBe(false);
	});

	it("has nothing to do with a process that ended by itself", async () => {
		await using server = await TestServer.start(CONFIG);
		const { pid } = await server.ok("process_start", { executable: "true" });
		await server.waitForEnd(pid);
		for (const force of [false, true])
			expect(
				await server.fails("process_terminate", { pid, force }),
			).toMatchObject({ code: "PROCESS_NOT_RUNNING", details: { pid } });
	});

	it.each([["quiet"], ["stubborn"]])(
		"ends a %s grandchild whose leader has ended",
		async (manner) => {
			await using server = await TestServer.start(CONFIG);
			const { pid, members } = await startTree(
				server,
				"leave-child.py",
				[manner],
				{ closeStdin: true },
			);
			expect(await server.waitForEnd(pid)).toMatchObject({
				state: "stopped",
				exitCode: 0,
			});
			expect(members.filter(isAlive)).toEqual([...members]);
			expect(
				await server.ok("process_terminate", { pid, timeout: 300 }),
			).toMatchObject({ exitCode: 0, survivors: [] });
			expect(members.filter(isAlive)).toEqual([]);
			// How the leader ended is not changed by it.
			expect(await server.ok("process_get_status", { pid })).toMatchObject({
				termination: { cause: "exited", exitCode: 0 },
			});
			expect(await server.fails("process_terminate", { pid })).toMatchObject({
				code: "PROCESS_NOT_RUNNING",
			});
		},
	);

	it("gives every one of several at once the same end", async () => {
		await using server = await TestServer.start(CONFIG);
		const { pid } = await startTree(server, "ignore-signals.py");
		const ends = await Promise.all([
			server.ok("process_terminate", { pid, timeout: 500 }),
			server.ok("process_terminate", { pid, timeout: 300 }),
			server.ok("process_terminate", { pid, timeout: 400 }),
		]);
		for (const end of ends)
			expect(end).toMatchObject({ pid, exitCode: 137, survivors: [] });
		expect(isAlive(pid)).toBe(false);
	});

	it("lets force overtake a termination that waits", async () => {
		await using server = await TestServer.start(CONFIG);
		const { pid } = await startTree(server, "ignore-signals.py");
		const patient = server.ok("process_terminate", { pid, timeout: 30_000 });
		const began = performance.now();
		expect(
			await server.ok("process_terminate", { pid, force: true }),
		).toMatchObject({ exitCode: 137, terminationReason: "forced" });
		await patient;
		expect(performance.now() - began).toBeLessThan(20_000);
	});

	it("keeps the output of what it ended", async () => {
		await using server = await TestServer.start(CONFIG);
		const { pid } = await server.ok("process_start", {
			executable: "cat",
			stdin: "last words",
		});
		await server.waitForOutput(pid, "last words");
		await server.ok("process_terminate", { pid, force: true });
		expect(await server.outputOf(pid)).toMatchObject({ stdout: "last words" });
	});

	it("is refused by allowProcessTermination: false", async () => {
		await using server = await TestServer.start({
			...CONFIG,
			allowProcessTermination: false,
		});
		const { pid } = await server.ok("process_start", {
			executable: "sleep",
			args: ["60"],
		});
		expect(await server.fails("process_terminate", { pid })).toMatchObject({
			code: "SECURITY_VIOLATION",
			details: { violation: "termination_not_allowed" },
		});
		expect(isAlive(pid)).toBe(true);
	});

	it("uses no SIGKILL under allowForcedTermination: false", async () => {
		await using server = await TestServer.start({
			...CONFIG,
			allowForcedTermination: false,
		});
		const { pid } = await startTree(server, "ignore-signals.py");
		expect(
			await server.fails("process_terminate", { pid, force: true }),
		).toMatchObject({
			code: "SECURITY_VIOLATION",
			details: { violation: "termination_not_allowed" },
		});
		expect(
			await server.fails("process_terminate", { pid, timeout: 200 }),
		).toMatchObject({ code: "TERMINATION_FAILED" });
		expect(isAlive(pid)).toBe(true);
		expect(await server.ok("process_get_status", { pid })).toMatchObject({
			state: "running",
		});
	});
});

describe("progress", () => {
	const stubborn = {
		executable: PYTHON,
		args: [
			"-uc",
			"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('deaf')\nwhile True: signal.pause()",
		],
	};

	it.each([
		["process_terminate", "deaf"],
		["process_terminate_group", "1 still live"],
		["process_stop_service", "deaf"],
	])("is told every second by %s", async (name, message) => {
		await using server = await TestServer.start({
			...CONFIG,
			argumentValidation: "literal",
		});
		const serviceId = "s";
		const target: Record<string, unknown> = {};
		if (name === "process_stop_service") {
			const service = { ...stubborn, name: serviceId };
			await server.ok("process_start_service", service);
			const wait = { serviceId, pattern: "deaf" };
			await server.ok("process_wait", wait);
			target.serviceId = serviceId;
		} else {
			const group = await server.ok("process_create_group", { name: "g" });
			const { groupId } = group;
			const { pid } = await server.ok("process_start", {
				...stubborn,
				groupId,
				waitFor: { pattern: "deaf" },
			});
			Object.assign(
				target,
				name === "process_terminate" ? { pid } : { groupId },
			);
		}
		const news: unknown[] = [];
		await server.client.callTool(
			{ name, arguments: { ...target, timeout: 2500 } },
			undefined,
			{ onprogress: (progress) => news.push(progress) },
		);
		expect(news[0]).toMatchObject({ total: 2500, message });
	});
});

it("the fixture of these tests ignores what it says it ignores", async () => {
	await using server = await TestServer.start(CONFIG);
	const { pid } = await startTree(server, "ignore-signals.py");
	for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const)
		process.kill(pid, signal);
	const { pid: other } = await server.ok("process_start", {
		executable: PYTHON,
		args: [fixture("describe-itself.py")],
	});
	await server.waitForEnd(other);
	expect(isAlive(pid)).toBe(true);
});
