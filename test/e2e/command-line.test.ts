import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { existsSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { Validator } from "@cfworker/json-schema";
import { version } from "../../package.json" with { type: "json" };
import { runCommand } from "../support/command.ts";
import { RawServer } from "../support/raw.ts";
import { Scratch } from "../support/server.ts";

setDefaultTimeout(60_000);

describe("a person's command", () => {
	it.each([["--help"], ["-h"]])(
		"%s explains on standard output",
		async (flag) => {
			using scratch = new Scratch();
			const result = await runCommand([flag], { cwd: scratch.path });
			expect(result).toMatchObject({ code: 0, stderr: "" });
			for (const word of [
				"--config",
				"--create-config",
				"--force",
				"--schema",
				"--version",
				"MCP_PROCESS_CONFIG_PATH",
				"MCP_PROCESS_CONFIG",
			])
				expect(result.stdout).toContain(word);
			for (const line of result.stdout.split("\n"))
				expect(line.length).toBeLessThanOrEqual(100);
		},
	);

	it.each([["--version"], ["-V"]])(
		"%s prints version, commit, target and runtime",
		async (flag) => {
			using scratch = new Scratch();
			const result = await runCommand([flag], { cwd: scratch.path });
			expect(result).toMatchObject({ code: 0, stderr: "" });
			const system =
				process.platform === "win32" ? "windows" : process.platform;
			expect(result.stdout).toMatch(
				new RegExp(
					`^mcp-process ${version} \\(commit ([0-9a-f]{12}\\+?|unknown), ${system}-${process.arch}, Bun ${Bun.version}\\)\n$`,
				),
			);
		},
	);

	it("--help and --version need no configuration that works", async () => {
		using scratch = new Scratch();
		scratch.write("mcp-process-config.json", "broken");
		for (const flag of ["--help", "--version", "--schema"])
			expect(await runCommand([flag], { cwd: scratch.path })).toMatchObject({
				code: 0,
				stderr: "",
			});
	});

	it("leaves nothing behind in the directory it ran in", async () => {
		using scratch = new Scratch();
		for (const flag of ["--help", "--version", "--schema", "--no-such"])
			await runCommand([flag], { cwd: scratch.path });
		expect(
			await Array.fromAsync(
				new Bun.Glob("**").scan({
					cwd: scratch.path,
					dot: true,
					onlyFiles: false,
				}),
			),
		).toEqual([]);
	});
});

describe("--schema", () => {
	it("prints a JSON Schema that knows good configurations from bad ones", async () => {
		using scratch = new Scratch();
		const result = await runCommand(["--schema"], { cwd: scratch.path });
		expect(result).toMatchObject({ code: 0, stderr: "" });
		const schema = JSON.parse(result.stdout);
		expect(schema).toMatchObject({
			$schema: "https://json-schema.org/draft/2020-12/schema",
			type: "object",
			additionalProperties: false,
		});
		const validator = new Validator(schema, "2020-12", false);
		const valid = (value: unknown) => validator.validate(value).valid;
		expect(valid({})).toBe(true);
		expect(
			valid({
				allowedExecutables: ["node", { executable: "git", env: { A: "b" } }],
				maxConcurrentProcesses: 3,
				inheritEnv: ["HOME"],
			}),
		).toBe(true);
		expect(valid({ allowedExecutable: ["node"] })).toBe(false);
		expect(valid({ allowedExecutables: "node" })).toBe(false);
		expect(valid({ maxConcurrentProcesses: "3" })).toBe(false);
		expect(valid({ argumentValidation: "loose" })).toBe(false);
	});

	it("describes every setting, and names its default where it has one", async () => {
		using scratch = new Scratch();
		const { stdout } = await runCommand(["--schema"], { cwd: scratch.path });
		const { properties } = JSON.parse(stdout) as {
			properties: Record<string, { description?: string; default?: unknown }>;
		};
		expect(Object.keys(properties).length).toBeGreaterThan(50);
		for (const [name, { description }] of Object.entries(properties))
			expect([name, description ?? ""]).toEqual([
				name,
				expect.stringMatching(/\w{2,}/),
			]);
		expect(properties).toMatchObject({
			allowedExecutables: { default: [] },
			blockShellInterpreters: { default: true },
			maxConcurrentProcesses: { default: 10 },
			maxOutputBufferSize: { default: 10485760 },
			argumentValidation: { default: "strict" },
		});
	});
});

describe("--create-config", () => {
	it("writes a configuration under which the server starts", async () => {
		using scratch = new Scratch();
		const path = join(scratch.path, "new.json");
		const result = await runCommand(["--create-config", path], {
			cwd: scratch.path,
		});
		expect(result).toMatchObject({ code: 0, stderr: "" });
		expect(result.stdout).toContain(path);
		expect(statSync(path).mode & 0o022).toBe(0);
		await using server = await RawServer.start(
			{},
			{ args: ["--config", path] },
		);
		await server.expectHealthy();
		expect(
			await server.fails("process_start", { executable: "bash" }),
		).toMatchObject({ code: "SECURITY_VIOLATION" });
	});

	it("writes ./mcp-process-config.json, which the server then finds", async () => {
		using scratch = new Scratch();
		expect(
			await runCommand(["--create-config"], { cwd: scratch.path }),
		).toMatchObject({ code: 0 });
		expect(existsSync(join(scratch.path, "mcp-process-config.json"))).toBe(
			true,
		);
		await using server = await RawServer.start(
			{},
			{ args: [], cwd: scratch.path },
		);
		await server.expectHealthy();
	});

	it("overwrites nothing without --force", async () => {
		using scratch = new Scratch();
		const path = scratch.write("mine.json", "mine");
		const args = ["--create-config", path];
		const refused = await runCommand(args, { cwd: scratch.path });
		expect(refused).toMatchObject({ code: 1, stdout: "" });
		expect(refused.stderr).toContain(path);
		expect(refused.stderr).toContain("--force");
		expect(readFileSync(path, "utf8")).toBe("mine");
		const forced = await runCommand([...args, "--force"], {
			cwd: scratch.path,
		});
		expect(forced).toMatchObject({ code: 0, stderr: "" });
		expect(readFileSync(path, "utf8")).toContain("allowedExecutables");
	});

	it("takes --force before the path, too", async () => {
		using scratch = new Scratch();
		const path = scratch.write("mine.json", "mine");
		expect(
			await runCommand(["--create-config", "--force", path], {
				cwd: scratch.path,
			}),
		).toMatchObject({ code: 0 });
		expect(readFileSync(path, "utf8")).toContain("allowedExecutables");
	});

	it("writes nothing through a link without --force", async () => {
		using scratch = new Scratch();
		const link = join(scratch.path, "link.json");
		symlinkSync(join(scratch.path, "target.json"), link);
		expect(
			await runCommand(["--create-config", link], { cwd: scratch.path }),
		).toMatchObject({ code: 1, stdout: "" });
		expect(existsSync(join(scratch.path, "target.json"))).toBe(false);
	});

	it("says where it can't write", async () => {
		using scratch = new Scratch();
		const path = join(scratch.write("file", ""), "folder", "config.json");
		const result = await runCommand(["--create-config", path], {
			cwd: scratch.path,
		});
		expect(result).toMatchObject({ code: 1, stdout: "" });
		expect(result.stderr).toContain(path);
	});
});

describe("a command line that isn't understood", () => {
	const wrong: readonly (readonly [readonly string[], string])[] = [
		[["--no-such-flag"], "--no-such-flag"],
		[["-x"], "-x"],
		[["--config"], "--config"],
		[["--config", ""], "--config"],
		[["--config="], "--config"],
		[["--config", "--force"], "--config"],
		[["serve-me"], "serve-me"],
		[["--force"], "--force"],
		[["--schema", "extra"], "extra"],
		[["--create-config", "a.json", "b.json"], "b.json"],
		[["--create-config", "--config", "a.json"], "--config"],
		[["--help=yes"], "--help"],
		[["--config", "a.json", "extra"], "extra"],
		[["--create-config", "--schema"], "--schema"],
	];

	it.each(wrong)("%j: one line that says what, exit 2", async (args, word) => {
		using scratch = new Scratch();
		const result = await runCommand(args, { cwd: scratch.path });
		expect(result).toMatchObject({ code: 2, stdout: "" });
		expect(result.stderr).toContain(word);
		expect(result.stderr.trimEnd().split("\n")).toHaveLength(1);
		expect(existsSync(join(scratch.path, "a.json"))).toBe(false);
	});
});
