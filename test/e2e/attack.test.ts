import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ConfigInput } from "../../src/config/schema.ts";
import { PYTHON } from "../support/programs.ts";
import { RawServer } from "../support/raw.ts";
import {
	BINARY,
	eventually,
	isAlive,
	Scratch,
	TestServer,
} from "../support/server.ts";

setDefaultTimeout(60_000);

/** A folder that the agent can write, with a program in it that says it ran. */
class Project extends Scratch {
	readonly evil = this.write(
		"evil",
		"#!/usr/bin/env node\nconsole.log('EVIL')\n",
		0o755,
	);

	link(name: string, target: string): string {
		const path = join(this.path, name);
		symlinkSync(target, path);
		return path;
	}
}

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

describe("the server", () => {
	it("is not held up by arguments that look like secrets", async () => {
		await using server = await TestServer.start({});
		const args = Array.from({ length: 40 }, () => ["--token", "*"]).flat();
		const start = performance.now();
		await server.fails("process_start", { executable: "*", args });
		await server.fails("process_start", {
			executable: "x",
			args: ["token=1 ".repeat(125_000)],
		});
		expect(performance.now() - start).toBeLessThan(5000);
	});

	it("survives what is nested deeper than anybody reads, and answers it", async () => {
		await using server = await RawServer.start({});
		const deep = `${"[".repeat(50_000)}${"]".repeat(50_000)}`;
		for (const text of [
			`{"jsonrpc":"2.0","id":901,"method":"ping","x":${deep}}`,
			`{"jsonrpc":"2.0","id":902,"result":${deep}}`,
		])
			server.write(`${text}\n`);
		expect(await server.ok("process_list")).toMatchObject({ processes: [] });
	});

	it("is not blocked by a client that does not read its diagnostics", async () => {
		using scratch = new Scratch();
		const child = Bun.spawn([BINARY], {
			cwd: scratch.path,
			env: { PATH: process.env.PATH, HOME: scratch.path },
			stdio: ["pipe", "pipe", "pipe"],
		});
		try {
			const junk = `{"jsonrpc":"2.0","method":"x","y":"${"A".repeat(100_000)}"}\n`;
			for (let count = 0; count < 50; count++)
				child.stdin.write(`not json\n${junk.replace('"method"', '"result"')}`);
			child.stdin.write('{"jsonrpc":"2.0","id":7,"method":"ping"}\n');
			child.stdin.flush();
			let text = "";
			for await (const chunk of child.stdout) {
				text += Buffer.from(chunk).toString();
				if (text.includes('"id":7')) break;
			}
			expect(text).toContain('"id":7');
			child.kill("SIGTERM");
			await eventually(
				() => (isAlive(child.pid) ? undefined : true),
				"its end",
				6000,
			);
		} finally {
			child.kill("SIGKILL");
		}
	});

	it("lets no more in than the limits say, however answers come", async () => {
		const answers = Promise.withResolvers<"accept">();
		let asked = 0;
		await using server = await TestServer.start(
			{
				allowedExecutables: ["sleep"],
				requireConfirmation: true,
				maxConcurrentProcesses: 1,
			},
			{
				onAsk: () => {
					asked++;
					return answers.promise;
				},
			},
		);
		const calls = Array.from({ length: 10 }, () =>
			server.client.callTool({
				name: "process_start",
				arguments: { executable: "sleep", args: ["60"] },
			}),
		);
		await eventually(() => asked === 10 || undefined, "ten questions");
		answers.resolve("accept");
		const results = await Promise.all(calls);
		expect(results.filter(({ isError }) => !isError)).toHaveLength(1);
	});

	it("writes a forced sample beside a link, not through it", async () => {
		using project = new Project();
		const target = project.write("target", "mine");
		const link = project.link("policy.json", target);
		await Bun.spawn([BINARY, "--create-config", link, "--force"], {
			stdio: ["ignore", "ignore", "ignore"],
		}).exited;
		expect(await Bun.file(target).text()).toBe("mine");
		expect(await Bun.file(link).text()).toContain("allowedExecutables");
		rmSync(link);
		writeFileSync(target, "");
	});
});
