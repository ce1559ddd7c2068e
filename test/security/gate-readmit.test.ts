import { describe, expect, it } from "bun:test";
import { copyFileSync, rmSync } from "node:fs";
import type { ConfigInput } from "../../src/config/schema.ts";
import type { LaunchRequest } from "../../src/security/attempt.ts";
import type { AuditEvent } from "../../src/security/audit-event.ts";
import { logTo } from "../support/audit.ts";
import { makeParts } from "../support/gate.ts";
import { Scratch } from "../support/server.ts";
import { caught } from "../support/table.ts";

/** A gate that records, and a program of its own to admit. */
async function setUp(scratch: Scratch, config: ConfigInput = {}) {
	const events: AuditEvent[] = [];
	const log = logTo((event) => void events.push(event));
	const { gate } = await makeParts(config, log);
	const program = `${scratch.path}/program`;
	copyFileSync("/bin/true", program);
	const request: LaunchRequest = {
		executable: program,
		args: ["-x"],
		cwd: "/",
		agent: "test",
		check: { executable: "/bin/echo", args: ["check"] },
	};
	return { gate, program, request, events };
}

describe.skipIf(process.platform === "win32")("what was admitted once", () => {
	it("is admitted again past concurrency and rate, which others still meet", async () => {
		using scratch = new Scratch();
		const { gate, request, events } = await setUp(scratch, {
			maxConcurrentProcesses: 1,
			maxLaunchesPerMinute: 1,
		});
		const admitted = await gate.admit(request);
		const again = gate.readmit(admitted);
		expect([again.executable, again.args, again.cwd]).toEqual([
			admitted.executable,
			admitted.args,
			admitted.cwd,
		]);
		const check = gate.readmitCheck(admitted);
		expect([check.executable.found, check.args]).toEqual([
			"/bin/echo",
			["check"],
		]);
		// They have no place to give back.
		again.release();
		check.release();
		expect(await caught(gate.admit(request))).toMatchObject({
			code: "CONCURRENT_LIMIT_EXCEEDED",
		});
		expect(events.map(({ level, result }) => [level, result])).toEqual([
			["info", "admitted"],
			["info", "readmitted"],
			["debug", "readmitted"],
			["warn", "refused"],
		]);
	});

	it("keeps its place until it is given back, whatever its process does", async () => {
		using scratch = new Scratch();
		const { gate, request } = await setUp(scratch, {
			maxConcurrentProcesses: 1,
		});
		const admitted = await gate.admit(request);
		const keeper = { name: "web", isWaiting: () => true };
		const giveBack = admitted.keepPlace(keeper);
		admitted.release();
		expect(await caught(gate.admit(request))).toMatchObject({
			code: "CONCURRENT_LIMIT_EXCEEDED",
			details: { waitingServices: ["web"] },
		});
		giveBack();
		giveBack();
		const next = await gate.admit(request);
		expect(await caught(gate.admit(request))).toMatchObject({
			code: "CONCURRENT_LIMIT_EXCEEDED",
		});
		next.release();
	});

	it("is refused once it is gone or no longer safe, and that is recorded", async () => {
		using scratch = new Scratch();
		const { gate, request, program, events } = await setUp(scratch);
		const admitted = await gate.admit(request);
		rmSync(program);
		expect(() => gate.readmit(admitted)).toThrow("program");
		expect(events.at(-1)).toMatchObject({
			operation: "launch",
			result: "refused",
			executable: program,
		});
	});

	it("may be a new build, but not where the user had to confirm it", async () => {
		for (const requireConfirmation of [false, true]) {
			using scratch = new Scratch();
			const { gate, request, program } = await setUp(scratch, {
				requireConfirmation,
			});
			const admitted = await gate.admit(request, async () => "approved");
			gate.readmit(admitted);
			rmSync(program);
			copyFileSync("/bin/false", program);
			const again = () => gate.readmit(admitted);
			if (requireConfirmation) expect(again).toThrow("changed after the user");
			else expect(again).not.toThrow();
		}
	});

	it("can't be another gate's", async () => {
		using scratch = new Scratch();
		const { gate, request } = await setUp(scratch);
		const other = await setUp(scratch);
		const admitted = await gate.admit(request);
		expect(() => other.gate.readmit(admitted)).toThrow("not admitted here");
		const again = gate.readmit(admitted);
		expect(() => gate.readmitCheck(again)).toThrow("not admitted here");
	});
});

describe.skipIf(process.platform === "win32")("a check", () => {
	it("that is refused refuses what it is to check", async () => {
		using scratch = new Scratch();
		const { gate, request } = await setUp(scratch, {
			blockShellInterpreters: true,
		});
		const check = { executable: "/bin/sh", args: ["-c", "true"] };
		expect(await caught(gate.admit({ ...request, check }))).toMatchObject({
			code: "SECURITY_VIOLATION",
			message: expect.stringContaining("which is to check the health of"),
			details: { layer: "shell", field: "healthCheck.command" },
		});
	});

	it("has the user asked where it alone needs that", async () => {
		using scratch = new Scratch();
		const { gate, request } = await setUp(scratch, {
			requireConfirmationFor: ["/bin/echo"],
		});
		expect(await caught(gate.admit(request))).toMatchObject({
			code: "CONFIRMATION_UNAVAILABLE",
		});
		const questions: string[] = [];
		await gate.admit(request, async (question) => {
			questions.push(question);
			return "approved";
		});
		expect(questions[0]).toContain('check argument 1: "check"');
	});
});
