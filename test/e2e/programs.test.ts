import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { runCommand } from "../support/command.ts";
import { PYTHON } from "../support/programs.ts";
import { RawServer } from "../support/raw.ts";
import { eventually, Scratch, type Success } from "../support/server.ts";

setDefaultTimeout(90_000);

/** A server under the sample configuration, as a new user has it, and its project folder. */
async function startSample(scratch: Scratch): Promise<RawServer> {
	const path = join(scratch.path, "mcp-process-config.json");
	const written = await runCommand(["--create-config", path], {
		cwd: scratch.path,
	});
	expect(written).toMatchObject({ code: 0 });
	mkdirSync(join(scratch.path, "project"));
	return RawServer.start(
		{},
		{
			args: ["--config", path],
			cwd: join(scratch.path, "project"),
			env: { HOME: scratch.path, LANG: "C.UTF-8" },
		},
	);
}

/** Runs a program to its end. */
async function run(
	server: RawServer,
	executable: string,
	args: readonly string[],
	more: Record<string, unknown> = {},
): Promise<Success & { stdout: string; stderr: string }> {
	const { pid } = await server.ok("process_start", {
		executable,
		args,
		...more,
	});
	const status = await eventually(
		async () => {
			const now = await server.ok("process_get_status", { pid });
			return now.state === "running" ? undefined : now;
		},
		`${executable} ${args.join(" ")} to end`,
		60_000,
	);
	const { stdout, stderr } = await server.ok("process_get_output", { pid });
	return { ...status, stdout, stderr };
}

function hasPytest(): boolean {
	if (!has("python3")) return false;
	return Bun.spawnSync(["python3", "-m", "pytest", "--version"]).success;
}

const has = (name: string) => Bun.which(name) !== null;

describe("under the sample configuration", () => {
	it.skipIf(!has("node"))("node runs", async () => {
		using scratch = new Scratch();
		await using server = await startSample(scratch);
		expect(
			await run(server, "node", [
				"-e",
				"console.log(6 * 7); console.error(1);",
			]),
		).toMatchObject({ exitCode: 0, stdout: "42\n", stderr: "1\n" });
	});

	it.skipIf(!has("python3"))("python3 runs", async () => {
		using scratch = new Scratch();
		await using server = await startSample(scratch);
		expect(
			await run(server, "python3", ["-c", "import ssl, json; print(6 * 7)"]),
		).toMatchObject({ exitCode: 0, stdout: "42\n" });
		expect(
			await run(server, "python3", ["-"], {
				stdin: "print('from input')\n",
				closeStdin: true,
			}),
		).toMatchObject({ exitCode: 0, stdout: "from input\n" });
	});

	it.skipIf(!has("git"))(
		"git makes a repository, commits and shows it",
		async () => {
			using scratch = new Scratch();
			await using server = await startSample(scratch);
			const git = (...args: string[]) =>
				run(
					server,
					"git",
					[
						"-c",
						"user.name=A",
						"-c",
						"user.email=a@example.org",
						"-c",
						"init.defaultBranch=main",
						...args,
					],
					{ cwd: join(scratch.path, "project") },
				);
			scratch.write("project/a.txt", "a\n");
			for (const args of [
				["init"],
				["add", "."],
				["commit", "-m", "First; with `ticks` && $(more)\n\nBody"],
			])
				expect(await git(...args)).toMatchObject({ exitCode: 0 });
			expect(await git("log", "--format=%s|%an")).toMatchObject({
				exitCode: 0,
				stdout: "First; with `ticks` && $(more)|A\n",
			});
			expect(await git("status", "--porcelain")).toMatchObject({ stdout: "" });
		},
	);

	it.skipIf(!has("npm"))("npm test runs a package's tests", async () => {
		using scratch = new Scratch();
		await using server = await startSample(scratch);
		scratch.write(
			"project/package.json",
			JSON.stringify({
				name: "tiny",
				version: "1.0.0",
				scripts: { test: "node --test" },
			}),
		);
		scratch.write(
			"project/sum.test.js",
			'const { test } = require("node:test");\nconst assert = require("node:assert");\ntest("adds", () => assert.equal(1 + 1, 2));\n',
		);
		const result = await run(server, "npm", ["test"], {
			cwd: join(scratch.path, "project"),
			env: { npm_config_update_notifier: "false" },
		});
		expect(result).toMatchObject({ exitCode: 0, state: "stopped" });
		expect(result.stdout).toMatch(/pass 1/);
	});

	it.skipIf(!has("npm"))(
		"npm test of a failing package is a crash with its code",
		async () => {
			using scratch = new Scratch();
			await using server = await startSample(scratch);
			scratch.write(
				"project/package.json",
				JSON.stringify({
					name: "tiny",
					scripts: { test: "node -e 'process.exit(7)'" },
				}),
			);
			expect(
				await run(server, "npm", ["test"], {
					cwd: join(scratch.path, "project"),
				}),
			).toMatchObject({ exitCode: 7, state: "crashed" });
		},
	);

	it.skipIf(!has("npx"))("a TypeScript package is built", async () => {
		using scratch = new Scratch();
		await using server = await startSample(scratch);
		const modules = join(scratch.path, "project", "node_modules");
		mkdirSync(join(modules, ".bin"), { recursive: true });
		const typescript = join(import.meta.dir, "../../node_modules/typescript");
		symlinkSync(typescript, join(modules, "typescript"), "junction");
		symlinkSync("../typescript/bin/tsc", join(modules, ".bin", "tsc"));
		scratch.write(
			"project/tsconfig.json",
			'{ "compilerOptions": { "strict": true, "outDir": "out" }, "include": ["*.ts"] }',
		);
		scratch.write("project/sum.ts", "export const sum: number = 40 + 2;\n");
		const cwd = join(scratch.path, "project");
		const build = await run(server, "npx", ["--no-install", "tsc"], { cwd });
		expect(build).toMatchObject({ exitCode: 0, stdout: "" });
		const module = join(cwd, "out", "sum.js");
		expect(readFileSync(module, "utf8")).toContain("40 + 2");

		scratch.write("project/sum.ts", 'export const sum: number = "42";\n');
		const broken = await run(server, "npx", ["--no-install", "tsc"], { cwd });
		expect(broken.stdout).toContain("error TS2322");
		expect(broken.exitCode).toBe(2);
	});

	it.skipIf(process.platform !== "linux")(
		"a virtual environment's python runs in it, as the plain one that it is",
		async () => {
			using scratch = new Scratch();
			const made = Bun.spawnSync([
				...[PYTHON, "-m", "venv", "--without-pip"],
				join(scratch.path, ".venv"),
			]);
			expect(made.success).toBe(true);
			await using server = await RawServer.start(
				{ allowedExecutables: ["python3"], argumentValidation: "literal" },
				{ env: { PATH: dirname(PYTHON) } },
			);
			const alias = join(scratch.path, ".venv/bin/python3");
			const code = "import sys; print(sys.prefix)";
			const { stdout } = await run(server, alias, ["-c", code]);
			expect(stdout).toBe(`${join(scratch.path, ".venv")}\n`);
		},
	);

	it.skipIf(!hasPytest())("pytest runs a package's tests", async () => {
		using scratch = new Scratch();
		await using server = await startSample(scratch);
		scratch.write(
			"project/test_sum.py",
			"def test_right():\n    assert 40 + 2 == 42\n\ndef test_wrong():\n    assert 1 + 1 == 3\n",
		);
		const result = await run(
			server,
			"python3",
			["-m", "pytest", "-p", "no:cacheprovider", "-q"],
			{ cwd: join(scratch.path, "project") },
		);
		expect(result.stdout).toContain("1 failed, 1 passed");
		expect(result.exitCode).toBe(1);
	});

	it.skipIf(!has("python3") || process.platform !== "linux")(
		"a web server shows its port, answers, and is gone when ended",
		async () => {
			using scratch = new Scratch();
			await using server = await startSample(scratch);
			scratch.write("project/index.txt", "served");
			const { pid } = await server.ok("process_start", {
				executable: "python3",
				args: ["-u", "-m", "http.server", "--bind", "127.0.0.1", "0"],
				cwd: join(scratch.path, "project"),
			});
			const port = await eventually(async () => {
				const { ports } = await server.ok("process_get_status", { pid });
				const [first]: number[] = ports;
				return first;
			}, "a port");
			const { stdout } = await server.ok("process_get_output", { pid });
			expect(stdout).toContain(`port ${port}`);
			const url = `http://127.0.0.1:${port}/index.txt`;
			expect(await (await fetch(url)).text()).toBe("served");
			const log = await eventually(async () => {
				const { stderr } = await server.ok("process_get_output", { pid });
				return stderr.includes("GET") ? String(stderr) : undefined;
			}, "the request in its log");
			expect(log).toContain("GET /index.txt");
			expect(await server.ok("process_get_stats", { pid })).toMatchObject({
				state: "running",
				processCount: expect.any(Number),
			});
			await server.ok("process_terminate", { pid });
			expect(await fetch(url).catch(() => "refused")).toBe("refused");
			const ended = await server.ok("process_get_status", { pid });
			expect(ended.ports ?? []).toEqual([]);
		},
	);

	it.each([["bash"], ["sh"], ["sudo"], ["rm"], ["curl"], ["env"]])(
		"%s is refused",
		async (executable) => {
			using scratch = new Scratch();
			await using server = await startSample(scratch);
			expect(
				await server.fails("process_start", {
					executable,
					args: executable === "env" ? ["bash", "-c", "id"] : ["--version"],
				}),
			).toMatchObject({ code: "SECURITY_VIOLATION" });
		},
	);
});
