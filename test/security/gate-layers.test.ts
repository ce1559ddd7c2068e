import { describe, expect, it } from "bun:test";
import { copyFileSync, linkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { selfFile } from "../../src/security/self.ts";
import { admit, Programs, refuse, verdict } from "../support/policy-gate.ts";

const POSIX = process.platform !== "win32";

describe.skipIf(!POSIX)("a layer refuses", () => {
	it("dangerous", async () => {
		using scratch = new Programs();
		const gate = await scratch.gate({
			allowedExecutables: ["rm", "/**"],
			blockShellInterpreters: false,
		});
		scratch.program("rm");
		scratch.link("innocent", scratch.program("opt/shutdown"));
		for (const executable of [
			"rm",
			"/bin/rm",
			"./rm",
			"sudo",
			"/nowhere/mkfs.ext4",
			"innocent",
		]) {
			const { message, remediation, details } = await refuse(gate, {
				executable,
			});
			expect(message).toStartWith(
				`Executable is blocked for security reasons: "${executable}"`,
			);
			expect(remediation).not.toBe("");
			expect(details).toMatchObject({
				layer: "dangerous",
				violation: "dangerous_executable",
			});
		}
		expect((await refuse(gate, { executable: "innocent" })).message).toContain(
			"is shutdown",
		);
	});

	it("dangerous, by the configuration's own names", async () => {
		using scratch = new Programs();
		scratch.program("curl");
		const gate = await scratch.gate({
			allowedExecutables: ["curl"],
			additionalBlockedExecutables: ["curl", "/usr/bin/wget"],
		});
		expect((await refuse(gate, { executable: "curl" })).remediation).toContain(
			"additionalBlockedExecutables",
		);
		expect(await verdict(gate, { executable: "wget" })).toBe(
			"dangerous: dangerous_executable",
		);
	});

	it("dangerous, by the server's own file or a copy of it, under any name", async () => {
		using scratch = new Programs();
		const own = scratch.program("opt/server");
		writeFileSync(own, "the server's own bytes");
		const self = selfFile(own);
		const gate = await scratch.gate({ allowedExecutables: ["/**"] }, { self });
		scratch.link("linked", own);
		linkSync(own, join(scratch.bin, "hard"));
		copyFileSync(own, join(scratch.bin, "copy"));
		for (const executable of [own, "linked", "hard", "copy"]) {
			const { message, details } = await refuse(gate, { executable });
			expect(message).toContain("this server's own program");
			expect(details).toMatchObject({
				layer: "dangerous",
				violation: "dangerous_executable",
			});
		}
		scratch.program("other");
		expect(await verdict(gate, { executable: "other" })).toBe("admitted");
	});

	it("shell", async () => {
		using scratch = new Programs();
		scratch.program("bash");
		scratch.program("opt/bash-5.2");
		scratch.link("innocent", join(scratch.root, "opt/bash-5.2"));
		const gate = await scratch.gate({ allowedExecutables: ["/**", "bash"] });
		for (const executable of [
			"bash",
			"sh",
			"/bin/zsh",
			"innocent",
			"ksh93",
			"pwsh",
		]) {
			const { message, remediation, details } = await refuse(gate, {
				executable,
			});
			expect(message).toStartWith(
				`Shell interpreters are blocked: "${executable}"`,
			);
			expect(remediation).toContain("blockShellInterpreters");
			expect(details).toMatchObject({
				layer: "shell",
				violation: "shell_interpreter",
			});
		}
		const open = await scratch.gate({
			allowedExecutables: ["bash"],
			blockShellInterpreters: false,
		});
		expect(await verdict(open, { executable: "bash" })).toBe("admitted");
		expect(await verdict(open, { executable: "sh" })).toBe(
			"allowlist: not_in_allowlist",
		);
	});

	it("allowlist", async () => {
		using scratch = new Programs();
		scratch.program("other");
		const gate = await scratch.gate({ allowedExecutables: ["tool"] });
		for (const executable of [
			"other",
			"missing",
			"",
			"\0",
			"tool\0",
			"-c",
			"tool ",
		]) {
			const { message, remediation, details } = await refuse(gate, {
				executable,
			});
			expect(message).toStartWith("Executable not in allowlist: ");
			expect(remediation).toContain("allowedExecutables");
			expect(remediation).toContain("tool");
			expect(details).toMatchObject({
				layer: "allowlist",
				violation: "not_in_allowlist",
			});
		}
	});

	it("allowlist, where what is allowed is not there", async () => {
		using scratch = new Programs();
		const { root } = scratch;
		const gate = await scratch.gate({
			allowedExecutables: ["tool", `${root}/opt/a`, `${root}/glob/*`],
		});
		for (const executable of [
			"tool",
			`${root}/opt/a`,
			"./opt/a",
			`${root}/glob/a`,
		]) {
			const { code, message, remediation } = await refuse(gate, {
				executable,
			});
			expect([executable, code]).toEqual([executable, "EXECUTABLE_NOT_FOUND"]);
			expect(message).toContain(executable);
			expect(remediation).not.toBe("");
		}
	});

	it("allowlist, where a directory is asked for", async () => {
		using scratch = new Programs();
		const folder = scratch.folder("opt/a");
		const gate = await scratch.gate({
			allowedExecutables: [`${scratch.root}/opt/*`],
		});
		for (const executable of [folder, `${folder}/`, "./opt/a"])
			expect(await refuse(gate, { executable })).toMatchObject({
				code: "EXECUTABLE_NOT_FOUND",
				message: `Executable not found: ${JSON.stringify(executable)} is a directory`,
			});
		const other = await refuse(gate, { executable: scratch.bin });
		expect(other.details?.violation).toBe("not_in_allowlist");
		expect(other.remediation).toContain(
			`; ${JSON.stringify(scratch.bin)} is a directory.`,
		);
		const absent = await refuse(gate, { executable: `${scratch.bin}/no` });
		expect(absent.remediation).toContain("; there is no such file.");
		const unknown = await refuse(gate, { executable: "no-such-tool" });
		expect(unknown.remediation).toContain(
			'the server\'s PATH has no "no-such-tool"',
		);
	});

	it("allowlist, where arguments are given with the name", async () => {
		using scratch = new Programs();
		scratch.program("tool");
		const gate = await scratch.gate({ allowedExecutables: ["tool"] });
		const { remediation } = await refuse(gate, { executable: 'tool a "b' });
		expect(remediation).toContain(
			'executable "tool", args ["a", "\\"b"], an array of strings.',
		);
	});

	it("arguments, environment and directory", async () => {
		using scratch = new Programs();
		scratch.program("tool");
		const work = scratch.folder("work");
		const gate = await scratch.gate({
			allowedExecutables: ["tool"],
			allowedWorkingDirectories: [work],
			blockedArgumentPatterns: ["^--evil"],
		});
		const cases = [
			[{ args: [";"] }, "arguments: argument_injection"],
			[{ args: ["../x"] }, "arguments: argument_traversal"],
			[{ args: ["--evil=1"] }, "arguments: argument_blocked"],
			[{ args: ["x".repeat(32769)] }, "arguments: argument_limit"],
			[{ env: { A: "$(id)" } }, "environment: env_var_injection"],
			[{ env: { A: "x".repeat(4097) } }, "environment: env_var_limit"],
			[{ cwd: scratch.root }, "directory: working_directory_restricted"],
			[{ cwd: join(work, "missing") }, "directory: INVALID_WORKING_DIRECTORY"],
			[{}, "admitted"],
		] as const;
		for (const [launch, expected] of cases)
			expect(await verdict(gate, { executable: "tool", ...launch })).toBe(
				expected,
			);
	});

	it("rate, by the clock that it is given", async () => {
		using scratch = new Programs();
		scratch.program("tool");
		const clock = { now: 0 };
		const gate = await scratch.gate(
			{ allowedExecutables: ["tool"], maxLaunchesPerMinute: 1 },
			{ now: () => clock.now },
		);
		(await admit(gate, { executable: "tool" })).release();
		const { code, message, details } = await refuse(gate, {
			executable: "tool",
		});
		expect(code).toBe("RATE_LIMIT_EXCEEDED");
		expect(message).toStartWith("Process launch rate limit exceeded");
		expect(details).toMatchObject({ layer: "rate", retryAfterMs: 60_000 });
		clock.now = 60_000;
		expect(await verdict(gate, { executable: "tool" })).toBe("admitted");
	});

	it("time, by the clock on the wall", async () => {
		using scratch = new Programs();
		scratch.program("tool");
		const clock = () => new Date(2026, 0, 5, 12, 0);
		const blocked = await scratch.gate(
			{ allowedExecutables: ["tool"], blockedTimeWindows: ["Mon 11:00-13:00"] },
			{ clock },
		);
		const { message, details } = await refuse(blocked, { executable: "tool" });
		expect(message).toContain("blockedTimeWindows");
		expect(details).toMatchObject({ layer: "time", violation: "time_window" });
		const allowed = await scratch.gate(
			{ allowedExecutables: ["tool"], allowedTimeWindows: ["Tue *"] },
			{ clock },
		);
		expect(await verdict(allowed, { executable: "tool" })).toBe(
			"time: time_window",
		);
	});

	it("confirmation, where nobody can be asked", async () => {
		using scratch = new Programs();
		scratch.program("tool");
		const gate = await scratch.gate({
			allowedExecutables: ["tool"],
			requireConfirmationFor: ["tool"],
		});
		expect(await verdict(gate, { executable: "tool" })).toBe(
			"confirmation: CONFIRMATION_UNAVAILABLE",
		);
	});
});
