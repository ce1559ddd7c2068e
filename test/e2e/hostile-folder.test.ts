import { describe, expect, it, setDefaultTimeout } from "bun:test";
import {
	copyFileSync,
	existsSync,
	linkSync,
	mkdirSync,
	symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { runCommand } from "../support/command.ts";
import { RawServer } from "../support/raw.ts";
import { BINARY, Scratch } from "../support/server.ts";

setDefaultTimeout(60_000);

/** A project whose every file that a runtime might read by itself wants to leave a mark. */
class HostileFolder extends Scratch {
	readonly marker = join(this.path, "marker");

	constructor() {
		super();
		const leaveMark = `require("node:fs").writeFileSync(${JSON.stringify(this.marker)}, "ran");\n`;
		const preload = this.write("preload.js", leaveMark);
		this.write(
			"bunfig.toml",
			`preload = [${JSON.stringify(preload)}]\n[run]\npreload = [${JSON.stringify(preload)}]\n[test]\npreload = [${JSON.stringify(preload)}]\n`,
		);
		const permissive = JSON.stringify({ allowedExecutables: ["true"] });
		for (const name of [".env", ".env.local", ".env.production"])
			this.write(
				name,
				`MCP_PROCESS_CONFIG='${permissive}'\nBUN_OPTIONS=--preload=${preload}\nNODE_OPTIONS=--require=${preload}\n`,
			);
		this.write(
			"package.json",
			JSON.stringify({
				name: "hostile",
				version: "6.6.6",
				type: "commonjs",
				main: preload,
				imports: { "#x": preload },
				scripts: { preinstall: `node ${preload}` },
			}),
		);
		this.write(
			"tsconfig.json",
			JSON.stringify({
				compilerOptions: {
					baseUrl: ".",
					jsxImportSource: "./preload.js",
					paths: { "*": [preload] },
				},
			}),
		);
		for (const module of ["zod", "minimatch", "pidusage", "bun", "re2js"]) {
			mkdirSync(join(this.path, "node_modules", module), { recursive: true });
			this.write(
				`node_modules/${module}/package.json`,
				JSON.stringify({ name: module, main: "index.js" }),
			);
			this.write(`node_modules/${module}/index.js`, leaveMark);
		}
		this.write("libc.so.6", "not a library");
	}

	get wasRun(): boolean {
		return existsSync(this.marker);
	}
}

describe("started in a hostile folder", () => {
	it("runs and obeys nothing of it", async () => {
		using folder = new HostileFolder();
		await using server = await RawServer.start(
			{},
			{ args: [], cwd: folder.path },
		);
		const body = await server.fails("process_start", { executable: "true" });
		expect(body).toMatchObject({ details: { violation: "not_in_allowlist" } });
		expect(body.remediation).toContain("--create-config");
		expect(folder.wasRun).toBe(false);
	});

	it("runs nothing of it for a person's command", async () => {
		using folder = new HostileFolder();
		for (const flag of ["--version", "--help", "--schema", "--no-such"]) {
			const { stdout } = await runCommand([flag], { cwd: folder.path });
			expect(stdout).not.toContain("6.6.6");
		}
		expect(folder.wasRun).toBe(false);
	});

	it("runs nothing of it in what it loads late: patterns, measuring, launches", async () => {
		using folder = new HostileFolder();
		await using server = await RawServer.start(
			{
				allowedExecutables: [
					"cat",
					{ executable: "true", blockedArguments: ["^x$"] },
				],
				blockedArgumentPatterns: ["secret.*"],
			},
			{ cwd: folder.path },
		);
		const { pid } = await server.ok("process_start", { executable: "cat" });
		await server.ok("process_get_stats", { pid });
		await server.ok("process_get_status", { pid });
		await server.fails("process_start", { executable: "true", args: ["x"] });
		await server.expectHealthy();
		expect(folder.wasRun).toBe(false);
	});

	// Each of these makes the runtime itself run a script, where it is heeded.
	it.each([
		["--preload=PRELOAD"],
		["--require=PRELOAD"],
		["--import=PRELOAD"],
		["-r PRELOAD"],
		["--eval=require('PRELOAD')"],
		["--config=BUNFIG"],
		["--env-file=ENVFILE"],
	])("runs nothing that BUN_OPTIONS=%s names", async (options) => {
		using folder = new HostileFolder();
		const BUN_OPTIONS = options
			.replace("PRELOAD", join(folder.path, "preload.js"))
			.replace("BUNFIG", join(folder.path, "bunfig.toml"))
			.replace("ENVFILE", join(folder.path, ".env"));
		await runCommand(["--version"], { cwd: folder.path, env: { BUN_OPTIONS } });
		// With its input closed a server starts, serves nobody and ends.
		await runCommand([], { cwd: folder.path, env: { BUN_OPTIONS } });
		expect(folder.wasRun).toBe(false);
	});

	it("runs nothing that NODE_OPTIONS or BUN_INSPECT_PRELOAD name", async () => {
		using folder = new HostileFolder();
		const preload = join(folder.path, "preload.js");
		await runCommand([], {
			cwd: folder.path,
			env: {
				NODE_OPTIONS: `--require=${preload}`,
				BUN_INSPECT_PRELOAD: preload,
			},
		});
		expect(folder.wasRun).toBe(false);
	});
});

describe("the server's own program as a child", () => {
	it("is never started, by whatever name or link the policy allows it", async () => {
		using scratch = new Scratch();
		const script = scratch.write("script.js", "console.log('ran')");
		const symbolic = join(scratch.path, "tool");
		symlinkSync(BINARY, symbolic);
		const names = [BINARY, symbolic];
		const hard = join(scratch.path, "hard");
		try {
			linkSync(BINARY, hard);
			names.push(hard);
		} catch {
			// The scratch folder may lie on another file system.
		}
		await using server = await RawServer.start({
			allowedExecutables: [...names, "/**"],
			argumentValidation: "literal",
		});
		for (const executable of names) {
			const body = await server.fails("process_start", {
				executable,
				args: [script],
				env: { BUN_BE_BUN: "1" },
			});
			expect(body).toMatchObject({
				code: "SECURITY_VIOLATION",
				details: { violation: "dangerous_executable" },
			});
		}
	});

	it("is never started as a copy either", async () => {
		using scratch = new Scratch();
		const copy = join(scratch.path, "copy");
		copyFileSync(BINARY, copy);
		const script = scratch.write("script.js", "console.log('ran')");
		await using server = await RawServer.start({
			allowedExecutables: [copy],
			argumentValidation: "literal",
		});
		expect(
			await server.fails("process_start", {
				executable: copy,
				args: [script],
				env: { BUN_BE_BUN: "1" },
			}),
		).toMatchObject({
			code: "SECURITY_VIOLATION",
			details: { violation: "dangerous_executable" },
		});
	});
});
