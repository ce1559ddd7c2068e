import { afterAll, describe, expect, it, setDefaultTimeout } from "bun:test";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { version } from "../../package.json" with { type: "json" };
import { runCommand } from "../support/command.ts";
import { isAlive, type Program, Scratch } from "../support/server.ts";
import { wholeSession } from "../support/session.ts";

setDefaultTimeout(120_000);

const ROOT = join(import.meta.dir, "../..");
const scratch = new Scratch();
afterAll(() => scratch[Symbol.dispose]());

function run(command: readonly string[], cwd: string): string {
	const { success, stdout, stderr } = Bun.spawnSync([...command], {
		cwd,
		env: { ...process.env, npm_config_update_notifier: "false" },
	});
	if (!success) throw new Error(`${command.join(" ")}: ${stderr.toString()}`);
	return stdout.toString();
}

/** The package as it is published, installed into an empty folder. */
const folder = join(scratch.path, "empty");
const packed = join(scratch.path, "packed");
mkdirSync(folder);
mkdirSync(packed);
run([process.execPath, "build.ts", "--npm", "--out", packed], ROOT);
const npm = Bun.which("npm");
const tarball = join(
	packed,
	npm === null
		? run(
				[process.execPath, "pm", "pack", "--quiet"],
				join(packed, "npm"),
			).trim()
		: run([npm, "pack", "./npm"], packed).trim(),
);
writeFileSync(join(folder, "package.json"), "{}");
run([process.execPath, "add", tarball], folder);

/** What npx starts, under the Node.js that is here. */
const start = join(folder, "node_modules", "mcp-process", "start.js");

const bunx: Program = {
	command: process.execPath,
	args: ["x", "mcp-process"],
	env: {},
	path: (path) => path,
};

describe("the package for npm", () => {
	it("holds what it needs, and needs nothing else", () => {
		const visible = (path: string) =>
			readdirSync(join(folder, path)).filter((name) => !name.startsWith("."));
		expect(visible("node_modules/mcp-process").sort()).toEqual([
			"LICENSE",
			"README.md",
			"bunfig.toml",
			"mcp-process.js",
			"package.json",
			"start.js",
		]);
		expect(visible("node_modules")).toEqual(["mcp-process"]);
		expect(Bun.file(tarball).size).toBeLessThan(1_000_000);
	});

	it("tells its version by bunx", async () => {
		const { code, stdout, stderr } = await runCommand(
			["x", "mcp-process", "--version"],
			{ cwd: folder, binary: process.execPath },
		);
		expect(stdout).toMatch(
			new RegExp(`^mcp-process ${version} \\(commit .*, npm, Bun .*\\)\n$`),
		);
		expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
	});

	it("serves a whole session by bunx", async () => {
		await wholeSession({ program: bunx, cwd: folder }, isAlive);
	});

	it("gives clients a command that finds it again", async () => {
		const { stdout } = await runCommand(
			["x", "mcp-process", "client", "cursor"],
			{
				cwd: folder,
				binary: process.execPath,
			},
		);
		expect(JSON.parse(stdout)).toMatchObject({
			mcpServers: {
				process: { args: ["x", `mcp-process@${version}`] },
			},
		});
	});

	it("is changed by nothing in the current directory", async () => {
		using project = new Scratch();
		const evil = project.write("evil.js", 'console.log("EVIL");');
		project.write("bunfig.toml", `preload = ["${evil}"]\n`);
		project.write(".env", "MCP_PROCESS_CONFIG={broken\n");
		for (const env of [{}, { BUN_OPTIONS: `--preload=${evil}` }]) {
			const result = await runCommand([start, "check"], {
				cwd: project.path,
				binary: Bun.which("node") ?? process.execPath,
				env,
			});
			expect(result).toMatchObject({ code: 0, stderr: "" });
			expect(result.stdout).not.toContain("EVIL");
		}
	});

	it.skipIf(Bun.which("node") === null)(
		"says in one line how to get Bun where it isn't installed",
		async () => {
			const result = await runCommand([start, "--version"], {
				cwd: folder,
				binary: Bun.which("node") ?? "node",
				env: { PATH: "/nowhere:." },
			});
			expect(result).toMatchObject({ code: 1, stdout: "" });
			expect(result.stderr.trim().split("\n")).toHaveLength(1);
			expect(result.stderr).toContain("npx -y -p bun -p mcp-process");
		},
	);

	it("passes on how it ended", async () => {
		const result = await runCommand(["x", "mcp-process", "--no-such"], {
			cwd: folder,
			binary: process.execPath,
		});
		expect(result).toMatchObject({ code: 2, stdout: "" });
		expect(existsSync(join(folder, "mcp-process-config.json"))).toBe(false);
	});
});
