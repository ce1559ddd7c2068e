import { describe, expect, it } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { runIn } from "../support/command.ts";
import { Scratch } from "../support/server.ts";

describe("mcp-process check", () => {
	it("warns of what an allowlist can't contain, and how to narrow it", async () => {
		using scratch = new Scratch();
		const config = scratch.write(
			"policy.json",
			JSON.stringify({
				allowedExecutables: ["git", `${scratch.path}/bin/*`, "rm"],
				allowedWorkingDirectories: [scratch.path],
			}),
		);
		mkdirSync(join(scratch.path, "bin"));
		const { stdout, code } = await runIn(
			scratch.path,
			...["check", "--config", config],
		);
		expect(code).toBe(0);
		expect(stdout).toContain("git: is a program that can be told");
		expect(stdout).toContain('"executable": "git", "allowedArguments"');
		expect(stdout).toContain("any program put there may run");
		expect(stdout).toContain("rm: is always refused");
		expect(stdout).toContain("contains this configuration");
	});

	it("counts its risks as it shows them", async () => {
		using scratch = new Scratch();
		const config = scratch.write(
			"policy.json",
			'{ "allowedExecutables": ["rm", "dd", "sudo", "bash"] }',
		);
		const { stdout } = await runIn(scratch.path, "check", "--config", config);
		expect(stdout).toContain("  rm, dd, sudo: each is always refused");
		const [, count, shown = ""] =
			/Risks \((\d+)\):\n([\s\S]*)/.exec(stdout) ?? [];
		expect(shown.match(/^ {2}\S/gm)).toHaveLength(Number(count));
	});

	it("fails on a configuration that can't be used, exit 1", async () => {
		using scratch = new Scratch();
		const config = scratch.write("policy.json", '{ "allowedExecutable": [] }');
		const { stderr, stdout, code } = await runIn(
			scratch.path,
			...["check", "--config", config],
		);
		expect(code).toBe(1);
		expect(stdout).toBe("");
		expect(stderr).toContain('did you mean "allowedExecutables"?');
	});
});
