import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { parse as parseJsonc } from "jsonc-parser";
import { runCommand } from "../support/command.ts";
import { BINARY, Scratch } from "../support/server.ts";

setDefaultTimeout(60_000);

const FILES = {
	"claude-code": ".claude.json",
	"claude-desktop": ".config/Claude/claude_desktop_config.json",
	cursor: ".cursor/mcp.json",
	vscode: ".config/Code/User/mcp.json",
	codex: ".codex/config.toml",
	gemini: ".gemini/settings.json",
	kiro: ".kiro/settings/mcp.json",
} as const;

type Name = keyof typeof FILES;
const NAMES = Object.keys(FILES) as Name[];

interface Entry {
	readonly command: string;
	readonly args: string[];
}

/** The entry in a client's text. */
function entryIn(name: Name, text: string): Entry {
	const value = name === "codex" ? Bun.TOML.parse(text) : parseJsonc(text);
	const key = { vscode: "servers", codex: "mcp_servers" }[name as string];
	return (value as Record<string, Record<string, Entry>>)[key ?? "mcpServers"]
		?.process as Entry;
}

/** A user's home, with a configuration in it. */
class Home extends Scratch {
	readonly config = this.write(
		"policy.json",
		JSON.stringify({
			allowedExecutables: ["cat"],
			auditLogPath: join(this.path, "audit.log"),
		}),
	);

	run(...args: readonly string[]) {
		return runCommand(["client", ...args], { cwd: this.path });
	}

	file(name: Name): string {
		return join(this.path, FILES[name]);
	}
}

/** Starts what an entry says, as its client would, and sees it serve. */
async function expectServed(entry: Entry): Promise<void> {
	using elsewhere = new Scratch();
	const client = new Client({ name: "test", version: "1.0.0" });
	try {
		await client.connect(
			new StdioClientTransport({
				...entry,
				env: { PATH: process.env.PATH ?? "", HOME: elsewhere.path },
				cwd: elsewhere.path,
				stderr: "ignore",
			}),
		);
		const { isError } = await client.callTool({
			name: "process_start",
			arguments: { executable: "cat" },
		});
		expect(isError).toBeFalsy();
	} finally {
		await client.close();
	}
}

describe("mcp-process client", () => {
	it("lists every client, its file, and whether it has the server", async () => {
		using home = new Home();
		await home.run("codex", "--config", home.config, "--write");
		home.write(
			".claude.json",
			'{ "mcpServers": { "process": { "command": "x" } } }',
		);
		mkdirSync(join(home.path, ".cursor"));
		home.write(".cursor/mcp.json", "{");
		mkdirSync(join(home.path, ".gemini"));
		home.write(".gemini/settings.json", "{}");
		const { code, stdout, stderr } = await home.run();
		expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
		const states = {
			"claude-code": "has another one",
			codex: "added",
			cursor: "unreadable",
			gemini: "not added",
		};
		const lines = stdout.trim().split("\n");
		expect(lines).toHaveLength(NAMES.length);
		for (const name of NAMES) {
			const state = { kiro: "no file", ...states }[name as string] ?? "no file";
			const [first, ...rest] =
				lines.find((line) => line.startsWith(`${name} `))?.split(/ {2,}/) ?? [];
			expect([first, ...rest].join(" ")).toContain(name);
			expect(rest.join(" ")).toContain(state);
			expect(rest.join(" ")).toEndWith(home.file(name));
		}
	});

	it.each(NAMES)(
		"prints %s's block: this binary, the configuration by its full path",
		async (name) => {
			using home = new Home();
			const { code, stdout, stderr } = await home.run(
				name,
				"--config",
				"policy.json",
			);
			expect(code).toBe(0);
			expect(stderr).toContain(home.file(name));
			expect(entryIn(name, stdout)).toMatchObject({
				command: BINARY,
				args: ["--config", home.config],
			});
			expect(readdirSync(home.path)).toEqual(["policy.json"]);
		},
	);

	it("says what is missing without a configuration", async () => {
		using home = new Home();
		const { code, stdout, stderr } = await home.run("cursor");
		expect(code).toBe(0);
		expect(entryIn("cursor", stdout)).toEqual({ command: BINARY, args: [] });
		expect(stderr).toContain("--config");
	});

	it.each(NAMES)(
		"writes %s's file, from which the server starts",
		async (name) => {
			using home = new Home();
			const args = [name, "--config", home.config, "--write"];
			const first = await home.run(...args);
			expect(first).toMatchObject({ code: 0, stderr: "" });
			expect(first.stdout).toContain(home.file(name));
			const text = readFileSync(home.file(name), "utf8");
			await expectServed(entryIn(name, text));
			const again = await home.run(...args);
			expect(again).toMatchObject({ code: 0, stderr: "" });
			expect(again.stdout).toContain("already");
			expect(readFileSync(home.file(name), "utf8")).toBe(text);
			expect(readdirSync(join(home.file(name), ".."))).not.toContainEqual(
				expect.stringContaining("backup"),
			);
		},
	);

	it("refuses to replace another entry, and with --force keeps a backup", async () => {
		using home = new Home();
		const old =
			'{\n  "mcpServers": { "process": { "command": "x" } }, // mine\n}\n';
		home.write(".claude.json", old);
		const args = ["claude-code", "--config", home.config, "--write"];
		const refused = await home.run(...args);
		expect(refused).toMatchObject({ code: 1, stdout: "" });
		expect(refused.stderr).toContain("--force");
		expect(refused.stderr).toContain(home.file("claude-code"));
		expect(readFileSync(home.file("claude-code"), "utf8")).toBe(old);
		const forced = await home.run(...args, "--force");
		expect(forced).toMatchObject({ code: 0, stderr: "" });
		const text = readFileSync(home.file("claude-code"), "utf8");
		expect(text).toContain("// mine");
		expect(entryIn("claude-code", text)).toMatchObject({ command: BINARY });
		const backup = readdirSync(home.path).find((each) =>
			each.endsWith(".backup"),
		);
		expect(forced.stdout).toContain(String(backup));
		expect(readFileSync(join(home.path, String(backup)), "utf8")).toBe(old);
	});

	it("leaves a broken file as it is, and says what is wrong with it", async () => {
		using home = new Home();
		mkdirSync(join(home.path, ".codex"));
		for (const [name, file] of [
			["claude-code", ".claude.json"],
			["codex", ".codex/config.toml"],
		] as const) {
			home.write(file, "{ broken");
			const args = [name, "--config", home.config, "--write", "--force"];
			const { code, stderr } = await home.run(...args);
			expect(code).toBe(1);
			expect(stderr).toContain(home.file(name));
			expect(stderr.trim().split("\n")).toHaveLength(1);
			expect(readFileSync(home.file(name), "utf8")).toBe("{ broken");
		}
	});

	it.each([
		[["nobody"], 2, "claude-code"],
		[["--write"], 2, "--write"],
		[["cursor", "--force"], 2, "--force"],
		[["cursor", "codex"], 2, "codex"],
		[["cursor", "--config", "missing.json", "--write"], 1, "missing.json"],
	])("%j is refused", async (args, code, word) => {
		using home = new Home();
		const result = await home.run(...args);
		expect(result).toMatchObject({ code, stdout: "" });
		expect(result.stderr).toContain(word);
		expect(readdirSync(home.path)).toEqual(["policy.json"]);
	});
});
