import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { Validator } from "@cfworker/json-schema";
import { sha256 } from "../../.github/release/archive.ts";
import { TARGET_NAMES } from "../../.github/release/targets.ts";
import { mcpName, version } from "../../package.json" with { type: "json" };
import { configJsonSchema } from "../../src/config/schema.ts";
import { tools } from "../../src/tools/index.ts";
import { runCommand } from "../support/command.ts";
import { Scratch } from "../support/server.ts";
import { SCOOP, SERVER } from "./schemas.ts";

setDefaultTimeout(600_000);

/** The tool of those who define bundles. */
const MCPB = "@anthropic-ai/mcpb@2.1.2";
const ROOT = join(import.meta.dir, "../..");
const FOLDER = join(ROOT, "dist", "release");

/** One of each system: they are written in different ways, and take seconds each. */
const BUILT_AGAIN = ["linux-x64", "darwin-arm64", "windows-x64"] as const;

// Everything is compiled and packed, which takes minutes of this machine.
const asked = process.env.MCP_PROCESS_RELEASE === "1";
if (!asked)
	console.warn("a whole release is not tested: MCP_PROCESS_RELEASE is not 1");

function run(command: readonly string[], cwd: string): string {
	const { success, stdout, stderr } = Bun.spawnSync([...command], { cwd });
	if (!success) throw new Error(`${command.join(" ")}: ${stderr.toString()}`);
	return stdout.toString();
}

const text = (name: string) => readFileSync(join(FOLDER, name), "utf8");
const json = (name: string) => JSON.parse(text(name));

/** What is wrong with a value by a schema. */
function faults(value: unknown, schema: object): unknown[] {
	return new Validator(schema, "7", false).validate(value).errors;
}

describe.skipIf(!asked)("a release", () => {
	if (asked)
		run([process.execPath, "build.ts", "--all", "--out", FOLDER], ROOT);
	const sums = new Map(
		asked
			? text("SHA256SUMS")
					.trim()
					.split("\n")
					.map((line) => line.split("  ") as [string, string])
					.map(([sum, file]) => [file, sum])
			: [],
	);
	const titles = TARGET_NAMES.map((name) => `mcp-process-${version}-${name}`);

	it("has an archive for every machine, and each file's sum", () => {
		for (const title of titles)
			expect(
				[`${title}.tar.gz`, `${title}.zip`].filter((file) => sums.has(file)),
			).toHaveLength(1);
		for (const [file, sum] of sums)
			expect(sha256(readFileSync(join(FOLDER, file)))).toBe(String(sum));
	});

	it("holds program, license and documentation in each", async () => {
		using scratch = new Scratch();
		const title = `mcp-process-${version}-linux-x64`;
		run(["tar", "-xzf", join(FOLDER, `${title}.tar.gz`)], scratch.path);
		const folder = join(scratch.path, title);
		expect(readdirSync(folder).sort()).toEqual([
			"LICENSE",
			"README.md",
			"mcp-process",
		]);
		const head = run(["git", "rev-parse", "--short=12", "HEAD"], ROOT).trim();
		const { stdout } = await runCommand(["--version"], {
			cwd: folder,
			binary: join(folder, "mcp-process"),
		});
		expect(stdout).toStartWith(`mcp-process ${version} (commit ${head}`);
		expect(stdout).toContain(", linux-x64, ");
		const zip = join(FOLDER, `mcp-process-${version}-windows-x64.zip`);
		expect(run(["unzip", "-Z1", zip], ROOT)).toContain("mcp-process.exe");
	});

	it("is byte for byte the same when the commit is built again elsewhere", () => {
		using scratch = new Scratch();
		const clone = join(scratch.path, "elsewhere");
		run(["git", "clone", "--quiet", ROOT, clone], scratch.path);
		// What is not committed yet is part of both.
		const changes = run(["git", "diff", "--binary", "HEAD"], ROOT);
		if (changes !== "")
			Bun.spawnSync(["git", "apply"], {
				cwd: clone,
				stdin: Buffer.from(changes),
			});
		symlinkSync(join(ROOT, "node_modules"), join(clone, "node_modules"));
		for (const target of BUILT_AGAIN) {
			const again = ["build.ts", "--target", target, "--out", "again"];
			const built = run([process.execPath, ...again], clone);
			const path = built.trim().replace("Built ", "");
			const name = path.split("/").at(-1) ?? "";
			const [first, second] = [join(FOLDER, name), join(clone, "again", name)];
			expect(run(["cmp", first, second], ROOT)).toBe("");
		}
	});

	it("has a formula for Homebrew that points at these archives", () => {
		const formula = text("mcp-process.rb");
		const pairs = [...formula.matchAll(/url "(.+)"\n\s+sha256 "(.+)"/g)];
		expect(pairs).toHaveLength(4);
		for (const [, url = "", sum = ""] of pairs)
			expect(sums.get(url.split("/").at(-1) ?? "")).toBe(sum);
		if (Bun.which("ruby") !== null)
			expect(run(["ruby", "-c", "mcp-process.rb"], FOLDER)).toBe("Syntax OK\n");
	});

	it("has a manifest for Scoop that points at its archive", () => {
		const manifest = json("mcp-process.json");
		expect(faults(manifest, SCOOP)).toEqual([]);
		const { url, hash, extract_dir } = manifest.architecture["64bit"];
		const file = url.split("/").at(-1);
		expect(sums.get(file)).toBe(hash);
		expect(file).toBe(`${extract_dir}.zip`);
	});

	it("has bundles that desktop clients take", () => {
		const bundles = [...sums.keys()].filter((file) => file.endsWith(".mcpb"));
		expect(bundles).toHaveLength(5);
		for (const file of bundles) {
			const path = join(FOLDER, file);
			using scratch = new Scratch();
			const shown = run(["unzip", "-p", path, "manifest.json"], ROOT);
			const validate = ["x", MCPB, "validate"];
			const said = run(
				[process.execPath, ...validate, scratch.write("manifest.json", shown)],
				scratch.path,
			);
			expect(said).toContain("passes");
			const manifest = JSON.parse(shown);
			expect(manifest.tools).toHaveLength(tools.length);
			const { entry_point } = manifest.server;
			expect(run(["zipinfo", path, entry_point], ROOT)).toStartWith(
				"-rwxr-xr-x",
			);
		}
	});

	it("has an entry for the MCP registry", () => {
		const entry = json("server.json");
		expect(faults(entry, SERVER)).toEqual([]);
		expect(entry.name).toBe(mcpName);
		expect(json("npm/package.json").mcpName).toBe(mcpName);
		for (const { identifier, fileSha256 } of entry.packages.slice(1))
			expect(sums.get(identifier.split("/").at(-1))).toBe(fileSha256);
	});

	it("has the configuration's schema", () => {
		expect(json("mcp-process-config.schema.json")).toEqual(
			JSON.parse(JSON.stringify(configJsonSchema())),
		);
	});
});
