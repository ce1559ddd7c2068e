import { describe, expect, it } from "bun:test";
import { join } from "node:path";
import type { ConfigInput } from "../../src/config/schema.ts";
import { Programs, refuse, verdict } from "../support/policy-gate.ts";

const WRAPPERS =
	"env nice timeout xargs nohup setsid stdbuf flock watch script parallel".split(
		" ",
	);
const ALLOWED = [...WRAPPERS, "node", "git", "sh", "rm"];

/** A bin with every wrapper and some programs; all of them allowed by name. */
class Wrapped extends Programs {
	constructor() {
		super();
		for (const name of [...ALLOWED, "other"]) this.program(name);
		this.program("opt/suid", 0o4755);
	}

	async judge(line: string, config: ConfigInput = {}): Promise<string> {
		const gate = await this.gate({
			allowedExecutables: [...ALLOWED, `${this.root}/opt/*`],
			argumentValidation: "literal",
			...config,
		});
		const [executable = "", ...args] = line.split(" ");
		return verdict(gate, { executable, args });
	}
}

const SHELL = "shell: shell_interpreter";

describe.skipIf(process.platform === "win32")("a wrapper program", () => {
	it.each([
		"env node x",
		"env A=1 node",
		"env",
		"nice -n 5 node",
		"nice",
		"timeout -s KILL 5 node",
		"xargs -0 node",
		"nohup node",
		"setsid node",
		"stdbuf -oL node",
		"flock /tmp/lock node",
		"watch -n 1 -x node",
		"env --help",
		"timeout 5 nice -n5 env A=1 stdbuf -o0 node",
	])("is admitted where the inner program is: %s", async (line) => {
		using scratch = new Wrapped();
		expect(await scratch.judge(line)).toBe("admitted");
	});

	it.each([
		"env sh",
		"env A=1 sh -c id",
		"env -u HOME sh",
		"env -S sh",
		"env -Ssh",
		"env --split-string=sh",
		"env -vS sh",
		"nice sh",
		"nice -n5 sh",
		"nice -n 5 sh",
		"timeout 5 sh",
		"timeout -s KILL 5 sh",
		"timeout -k 1 5 sh",
		"xargs sh",
		"xargs -0 -n 1 sh -c",
		"nohup sh",
		"setsid -f sh",
		"stdbuf -oL sh",
		"flock /tmp/lock sh",
		"watch -x sh",
		"watch id",
		"flock -c id /tmp/lock",
		"script -c id",
		"parallel node",
		"xargs",
		"timeout 5 nice nohup setsid sh",
		"env env env sh",
		"nice /nowhere/bash",
		"env -C /tmp ./node",
	])("is no way to a shell: %s", async (line) => {
		using scratch = new Wrapped();
		expect(await scratch.judge(line)).toBe(SHELL);
	});

	it.each([
		["env rm x", "dangerous_executable"],
		["nice -n 5 timeout 5 rm x", "dangerous_executable"],
		["xargs /bin/sudo", "dangerous_executable"],
		["nice other", "not_in_allowlist"],
		["timeout 5 ./node", "not_in_allowlist"],
		["flock /tmp/lock -c id", "not_in_allowlist"],
		["timeout 5 -s KILL sh", "not_in_allowlist"],
		["env missing", "not_in_allowlist"],
	])(
		"passes its inner program through every layer: %s",
		async (line, expected) => {
			using scratch = new Wrapped();
			expect(await scratch.judge(line)).toEndWith(expected);
		},
	);

	it("passes its inner program through the layer of privileges", async () => {
		using scratch = new Wrapped();
		expect(
			await scratch.judge(`nice ${join(scratch.root, "opt/suid")}`),
		).toEndWith("setuid_executable");
	});

	it("holds its inner program to that program's own rule", async () => {
		using scratch = new Wrapped();
		const rule = {
			allowedExecutables: [
				"nice",
				"timeout",
				{ executable: "git", blockedArguments: ["^push$"] },
			],
		};
		expect(await scratch.judge("nice git status", rule)).toBe("admitted");
		expect(await scratch.judge("nice timeout 5 git push", rule)).toEndWith(
			"argument_blocked",
		);
	});

	it.each([
		"LD_PRELOAD=/tmp/x.so",
		"ld_preload=x",
		"PATH=/tmp",
		"NODE_OPTIONS=-rx",
		"A=1 BASH_ENV=x",
		"GIT_SSH_COMMAND=x",
	])("sets no variable that is code: env %s", async (assignments) => {
		using scratch = new Wrapped();
		expect(await scratch.judge(`env ${assignments} node`)).toEndWith(
			"env_var_injection",
		);
	});

	it.each([
		["a blocked name", "TOKEN=1", { additionalBlockedEnvVars: ["TOKEN"] }],
		["a name not allowed", "OTHER=1", { allowedEnvVars: ["CI"] }],
		["a substitution", "A=$(id)", {}],
		["a backtick", "A=`", {}],
		["a long value", `A=${"x".repeat(4097)}`, {}],
	] as [string, string, ConfigInput][])(
		"sets no variable that a request could not: %s",
		async (_, assignment, config) => {
			using scratch = new Wrapped();
			expect(await scratch.judge(`env ${assignment} node`, config)).toMatch(
				/env_var_(injection|limit)$/,
			);
		},
	);

	it("does not take from its inner program what that program's rule sets", async () => {
		using scratch = new Wrapped();
		const config = {
			allowedExecutables: [
				"env",
				"nice",
				{ executable: "git", env: { GIT_TERMINAL_PROMPT: "0" } },
			],
		};
		const gate = await scratch.gate(config);
		const launch = { agent: "test", executable: "nice", args: ["git"] };
		expect((await gate.admit(launch)).env).toMatchObject({
			GIT_TERMINAL_PROMPT: "0",
		});
		expect(
			await scratch.judge("env GIT_TERMINAL_PROMPT=1 git", config),
		).not.toBe("admitted");
		expect(
			await scratch.judge("env -u GIT_TERMINAL_PROMPT git", config),
		).not.toBe("admitted");
	});

	// Input becomes the command of a wrapper without one, and arguments that no layer sees.
	it.each([
		"xargs nice",
		"xargs env",
		"xargs env A=1",
		"xargs timeout 5",
		"xargs setsid",
		"xargs stdbuf -o0",
		"xargs -I node nice node",
		"xargs flock /tmp/lock",
		"xargs xargs",
	])("takes no program from its input: %s", async (line) => {
		using scratch = new Wrapped();
		expect(await scratch.judge(line)).toBe(SHELL);
	});

	it.each([
		{
			allowedExecutables: [
				"xargs",
				{ executable: "git", blockedArguments: ["^push$"] },
			],
		},
		{
			allowedExecutables: [
				"xargs",
				{ executable: "git", allowedArguments: ["status"] },
			],
		},
		{
			allowedExecutables: ["xargs", "git"],
			blockedArgumentPatterns: ["^push$"],
		},
	] as ConfigInput[])(
		"takes no arguments from its input that have to be judged: %j",
		async (config) => {
			using scratch = new Wrapped();
			expect(await scratch.judge("xargs git", config)).not.toBe("admitted");
		},
	);
	it("takes none through another wrapper either", async () => {
		using scratch = new Wrapped();
		const config: ConfigInput = {
			allowedExecutables: [
				"xargs",
				"nice",
				{ executable: "git", blockedArguments: ["^push$"] },
			],
		};
		expect(await scratch.judge("xargs nice git", config)).not.toBe("admitted");
	});

	it.each(["env -i node", "env - node", "env -u PATH node"])(
		"does not search outside the server's PATH: %s",
		async (line) => {
			using scratch = new Wrapped();
			expect(await scratch.judge(line)).not.toBe("admitted");
		},
	);

	it("is known by its real file, whatever the link's name", async () => {
		using scratch = new Wrapped();
		scratch.link("innocent", "nice");
		const config = { allowedExecutables: ["innocent", `${scratch.bin}/*`] };
		expect(await scratch.judge("innocent sh", config)).toBe(SHELL);
	});

	it("is not followed without end", async () => {
		using scratch = new Wrapped();
		expect(await scratch.judge(`${"nice ".repeat(9)}node`)).toBe(SHELL);
		expect(await scratch.judge(`${"nice ".repeat(5)}node`)).toBe("admitted");
		expect(await scratch.judge(`${"nice ".repeat(900)}node`)).toBe(SHELL);
	});

	it("may lead to a shell where shells are allowed, and still to nothing else", async () => {
		using scratch = new Wrapped();
		const open = { blockShellInterpreters: false };
		expect(await scratch.judge("nice sh", open)).toBe("admitted");
		expect(await scratch.judge("nice rm x", open)).toEndWith(
			"dangerous_executable",
		);
		expect(await scratch.judge("nice other", open)).toEndWith(
			"not_in_allowlist",
		);
	});

	it("says in its refusal what could not be told", async () => {
		using scratch = new Wrapped();
		const gate = await scratch.gate({ allowedExecutables: ALLOWED });
		const { message, remediation } = await refuse(gate, {
			executable: "watch",
			args: ["id"],
		});
		expect(message).toStartWith("Shell interpreters are blocked: ");
		expect(message).toContain("watch");
		expect(remediation).toContain("inner program");
	});
});
