import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { ConfigInput } from "../../src/config/schema.ts";
import { PYTHON } from "../support/programs.ts";
import { Project } from "../support/project.ts";
import { TestServer } from "../support/server.ts";

setDefaultTimeout(60_000);

const real = (name: string) => Bun.which(name) ?? `/usr/bin/${name}`;

async function refusal(config: ConfigInput, call: Record<string, unknown>) {
	await using server = await TestServer.start(config);
	const { details, code } = await server.fails("process_start", call);
	return details?.violation ?? code;
}

describe.skipIf(process.platform !== "linux")("an agent's link", () => {
	it("does not make one wrapper pass for another", async () => {
		using project = new Project();
		const config = { allowedExecutables: [real("env"), real("true")] };
		const call = {
			executable: project.link("timeout", real("env")),
			args: [project.evil, real("true")],
		};
		expect(await refusal(config, call)).toBe("shell_interpreter");
	});

	it("does not give a narrowed interpreter a virtual environment of the agent's", async () => {
		using project = new Project();
		const script = project.write(
			"report.py",
			"import sys; print(sys.prefix, sys.argv[0])",
		);
		mkdirSync(join(project.path, "bin"));
		project.write("pyvenv.cfg", "home = /usr/bin\n");
		const alias = project.link("bin/python3", PYTHON);
		await using server = await TestServer.start({
			allowedExecutables: [
				{
					executable: PYTHON,
					allowedArguments: [script.replaceAll(".", "\\.")],
				},
			],
		});
		const { pid } = await server.ok("process_start", {
			executable: alias,
			args: [script],
		});
		const { stdout } = await server.outputOf(pid);
		expect(stdout).not.toStartWith(project.path);
		expect(stdout).toContain("report.py");
	});

	it("sheds neither a question, nor a rule, nor a block", async () => {
		using project = new Project();
		const alias = project.link("foo", real("cat"));
		const call = { executable: alias, args: ["--version"] };
		const all = `${real("cat").replace(/[^/]+$/, "")}*`;
		expect(
			await refusal(
				{ allowedExecutables: [real("cat")], requireConfirmationFor: ["cat"] },
				call,
			),
		).toBe("CONFIRMATION_UNAVAILABLE");
		expect(
			await refusal(
				{
					allowedExecutables: [
						all,
						{ executable: "cat", allowedArguments: ["x"] },
					],
				},
				call,
			),
		).toBe("argument_blocked");
		expect(
			await refusal(
				{
					allowedExecutables: [all],
					additionalBlockedExecutables: ["cat"],
				},
				call,
			),
		).toBe("dangerous_executable");
	});

	it("does not lead a wrapper elsewhere, at once or later", async () => {
		using project = new Project();
		mkdirSync(join(project.path, "a/b"), { recursive: true });
		const tool = project.link("tool", real("true"));
		project.link("deep", join(project.path, "a/b"));
		const config: ConfigInput = {
			allowedExecutables: ["xargs", "timeout", "true"],
			argumentValidation: "literal",
		};
		for (const [executable, args] of [
			["xargs", [tool]],
			["timeout", ["5", tool]],
			["timeout", ["5", `${project.path}/deep/../../evil`]],
		] as const)
			expect(await refusal(config, { executable, args })).toBeOneOf([
				"shell_interpreter",
				"not_in_allowlist",
			]);
	});
});

describe.skipIf(process.platform !== "linux")("a wrapper", () => {
	it("gives no file without a first line to a shell", async () => {
		using project = new Project();
		const tool = project.write("tool", "echo EVIL\n", 0o755);
		const config = { allowedExecutables: ["timeout", tool] };
		expect(
			await refusal(config, { executable: "timeout", args: ["5", tool] }),
		).toBe("shell_interpreter");
	});

	it("does not change what a rule sets, through another one either", async () => {
		const config: ConfigInput = {
			allowedExecutables: [
				...["env", "nice"],
				{ executable: "printenv", env: { SAFE: "1" } },
			],
		};
		const args = ["SAFE=0", "nice", "printenv", "SAFE"];
		expect(await refusal(config, { executable: "env", args })).toBe(
			"shell_interpreter",
		);
	});

	it.each([
		"#!/usr/bin/env -iS /bin/sh",
		"#!/usr/bin/env --split-string=sh",
		"#!/bin/sh\0x",
	])("in a first line hides no shell: %j", async (line) => {
		using project = new Project();
		const script = project.write("script", `${line}\n`, 0o755);
		const config = { allowedExecutables: [`${project.path}/*`] };
		expect(await refusal(config, { executable: script })).toBe(
			"shell_interpreter",
		);
	});

	it("in a first line hides no shell behind a link or another script", async () => {
		using project = new Project();
		const shell = project.link("zz", real("sh"));
		const one = project.write("one", `#!${shell}\n`, 0o755);
		const two = project.write("two", `#!${one}\n`, 0o755);
		const config = { allowedExecutables: [`${project.path}/*`] };
		for (const executable of [one, two])
			expect(await refusal(config, { executable })).toBe("shell_interpreter");
	});
});

it("variables that run code are removed", async () => {
	await using server = await TestServer.start({ allowedExecutables: ["true"] });
	const env = {
		...{ HOME: "/x", GIT_DIR: "/x", TAR_OPTIONS: "x", MAKEFILES: "x" },
		...{ PYTHONPYCACHEPREFIX: "/x", TCL_LIBRARY: "/x", COMPILER_PATH: "/x" },
		...{ GIT_AUTHOR_NAME: "me", PYTHONUNBUFFERED: "1", CI: "1" },
	};
	const { warnings } = await server.ok("process_start", {
		executable: "true",
		env,
	});
	const removed = warnings.map((text: string) => text.split(" ")[1]);
	expect(removed.sort()).toEqual(Object.keys(env).slice(0, 7).sort());
});
