import { describe, expect, it } from "bun:test";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { AuditFile } from "../../src/security/audit.ts";
import type { AuditLevel } from "../../src/security/audit-event.ts";
import { admit, Programs, refuse, verdict } from "../support/policy-gate.ts";

function records(path: string): Record<string, unknown>[] {
	return readFileSync(path, "utf8")
		.trimEnd()
		.split("\n")
		.map((line) => JSON.parse(line));
}

/** A folder with a program and a log. */
class Logged extends Programs {
	readonly tool = this.program("tool");
	readonly log = join(this.root, "state/audit.log");

	start(level: AuditLevel = "info", path = this.log) {
		return this.gate(
			{ allowedExecutables: ["tool"], maxConcurrentProcesses: 2 },
			{ audit: new AuditFile(path, level) },
		);
	}
}

describe.skipIf(process.platform === "win32")("the gate's records", () => {
	it("hold every admission, with the real file and the real directory", async () => {
		using scratch = new Logged();
		const gate = await scratch.start();
		await admit(gate, {
			executable: "tool",
			args: ["a", "--token", "hunter2"],
			agent: "me",
		});
		expect(records(scratch.log)).toMatchObject([
			{
				level: "info",
				operation: "launch",
				executable: scratch.tool,
				args: ["a", "--token", "***"],
				cwd: scratch.root,
				agent: "me",
				result: "admitted",
			},
		]);
	});

	it("hold every refusal, with its violation and its words", async () => {
		using scratch = new Logged();
		const gate = await scratch.start();
		const launches = [
			[{ executable: "rm" }, "dangerous_executable: Executable is blocked"],
			[
				{ executable: "bash" },
				"shell_interpreter: Shell interpreters are blocked",
			],
			[
				{ executable: "other" },
				"not_in_allowlist: Executable not in allowlist",
			],
			[
				{ executable: "tool", args: [";"] },
				"argument_injection: Argument contains suspicious characters",
			],
			[{ executable: "tool", env: { A: "`" } }, "env_var_injection: "],
			[{ executable: "tool", cwd: "/nowhere" }, "INVALID_WORKING_DIRECTORY: "],
		] as const;
		for (const [launch, reason] of launches) {
			await refuse(gate, { ...launch, agent: "me" });
			const last = records(scratch.log).at(-1);
			expect(last).toMatchObject({
				level: "warn",
				operation: "launch",
				agent: "me",
				result: "refused",
			});
			expect(String(last?.reason)).toStartWith(reason);
		}
		expect(records(scratch.log)).toHaveLength(launches.length);
	});

	it("hold no secret that a refused argument held", async () => {
		using scratch = new Logged();
		const gate = await scratch.start();
		for (const secret of [
			"hunter2hunter2;",
			'hunter2hunter2"\\;',
			`hunter2hunter2;${"x".repeat(200)}`,
			"hunter2hunter2\n",
		])
			await refuse(gate, { executable: "tool", args: ["--password", secret] });
		for (const { reason, args } of records(scratch.log))
			expect(JSON.stringify([reason, args])).not.toContain("hunter2");
	});

	// An agent may give a whole command line as the executable.
	it("hold no secret of an executable or a directory", async () => {
		using scratch = new Logged();
		const gate = await scratch.start();
		const executable =
			'curl -H "Authorization: Bearer hunter2" --password hunter2 x';
		for (const launch of [
			{ executable },
			{ executable: `${scratch.root}/${executable}` },
			{ executable: "tool", cwd: `${scratch.root}/token=hunter2` },
		])
			await refuse(gate, launch);
		const lines = records(scratch.log);
		expect(JSON.stringify(lines)).not.toContain("hunter2");
		expect(lines[0]?.executable).toBe(
			'curl -H "Authorization: ***" --password *** x',
		);
		expect(lines[2]?.cwd).toBe(`${scratch.root}/token=***`);
	});

	// A log that cannot be written stops launches, whatever it would have kept.
	it.each(["info", "warn", "error"] as const)(
		"stop launches while they can't be written, and no longer: level %s",
		async (level) => {
			using scratch = new Logged();
			const blocker = scratch.write(
				"state",
				"a file where the folder should be",
			);
			const gate = await scratch.start(level);
			for (let at = 0; at < 5; at++) {
				const error = await refuse(gate, { executable: "tool" });
				expect(error.code).toBe("INTERNAL_ERROR");
				expect(error.message).toContain(scratch.log);
			}
			rmSync(blocker);
			// The refused ones took no place among the running.
			expect(await verdict(gate, { executable: "tool" })).toBe("admitted");
			expect(await verdict(gate, { executable: "tool" })).toBe("admitted");
			expect(await verdict(gate, { executable: "tool" })).toBe(
				"concurrency: CONCURRENT_LIMIT_EXCEEDED",
			);
		},
	);

	it.skipIf(!existsSync("/dev/full"))(
		"stop launches where the disk is full for ever",
		async () => {
			using scratch = new Logged();
			const gate = await scratch.start("info", "/dev/full");
			expect((await refuse(gate, { executable: "tool" })).code).toBe(
				"INTERNAL_ERROR",
			);
			expect((await refuse(gate, { executable: "rm" })).code).toBe(
				"INTERNAL_ERROR",
			);
		},
	);
});
