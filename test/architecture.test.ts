import { describe, expect, it } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { addresses, strays, violations } from "./support/architecture.ts";
import { importsOf } from "./support/source.ts";

const ROOT = join(import.meta.dir, "..");

function sourcesOf(...folders: readonly string[]): Map<string, string> {
	return new Map(
		folders.flatMap((folder) =>
			readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
				.filter((name) => name.endsWith(".ts"))
				.map((name) => {
					const path = `${folder}/${name.replaceAll(sep, "/")}`;
					return [path, readFileSync(join(ROOT, path), "utf8")] as const;
				}),
		),
	);
}

/** What is said of one made-up file, or of several. */
function verdictOn(sources: Readonly<Record<string, string>>): string[] {
	return violations(new Map(Object.entries(sources)));
}

describe("the sources", () => {
	const sources = sourcesOf("src", "test", ".github/release");
	sources.set("build.ts", readFileSync(join(ROOT, "build.ts"), "utf8"));

	it("are all looked at", () => {
		for (const path of [
			...["src/main.ts", "src/process/launcher.ts"],
			...["build.ts", ".github/release/release.ts"],
		])
			expect(sources.has(path)).toBe(true);
		expect(sources.size).toBeGreaterThan(50);
	});

	it("have no import that goes unseen", () => {
		const scanner = new Bun.Transpiler({ loader: "ts" });
		for (const [path, text] of sources) {
			const seen = importsOf(text).map(({ specifier }) => specifier);
			const script = text.replace(/^#!.*/, "");
			for (const { path: specifier } of scanner.scanImports(script))
				expect(seen, path).toContain(specifier);
		}
	});

	it("leave modules of the runtime that are slow to load until they are needed", () => {
		// In one bundle an import of theirs is part of each start, wherever it stands;
		// import type and process.getBuiltinModule are not.
		const slow =
			/^(?:node:)?(?:net|stream|util|tty|https?|tls|crypto|child_process|readline|zlib)(?:\/|$)/;
		const scanner = new Bun.Transpiler({ loader: "ts" });
		for (const [path, text] of sources) {
			if (!path.startsWith("src/")) continue;
			const loaded = scanner.scanImports(text.replace(/^#!.*/, ""));
			const found = loaded.filter(({ path: specifier }) =>
				slow.test(specifier),
			);
			expect(found, path).toEqual([]);
		}
	});

	it("keep to the direction of imports and to where things belong", () => {
		expect(violations(sources)).toEqual([]);
	});
});

describe.skipIf(!existsSync(join(ROOT, ".git")))("the repository", () => {
	it("has nothing at its top that has no place there", () => {
		const { stdout, success } = Bun.spawnSync(
			["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
			{ cwd: ROOT },
		);
		expect(success).toBe(true);
		const paths = stdout.toString().split("\0").filter(Boolean);
		expect(paths).toContain("src/main.ts");
		expect(strays(paths)).toEqual([]);
	});
});

describe("the lock file", () => {
	it("names no host of a registry", () => {
		const lock = readFileSync(join(ROOT, "bun.lock"), "utf8");
		expect(lock).toContain("@modelcontextprotocol/sdk");
		expect(addresses(lock)).toEqual([]);
	});
});

describe("the check of imports", () => {
	it.each([
		["src/errors.ts", 'import { a } from "./config/load.ts";'],
		["src/config/a.ts", 'import type { A } from "../security/gate.ts";'],
		["src/security/a.ts", 'import { type A } from "../platform/signal.ts";'],
		["src/platform/a.ts", 'export * from "../process/timer.ts";'],
		["src/process/a.ts", 'import "../supervision/service.ts";'],
		["src/supervision/a.ts", 'import {\n\ta,\n} from "../tools/tool.ts";'],
		["src/tools/a.ts", 'const a = await import("../server.ts");'],
		["src/transport.ts", 'import { a } from "./cli/serve.ts";'],
		["src/cli/a.ts", 'import { main } from "../main.ts";'],
		["src/process/b.ts", 'type A = import("../tools/tool.ts").A;'],
	])("sees that %s goes the wrong way with %s", (path, text) => {
		const specifier = /"(\.[^"]*)"/.exec(text)?.[1] ?? "none";
		const [first, ...more] = verdictOn({ [path]: `${text}\n` });
		expect(more).toEqual([]);
		expect(first).toStartWith(`${path}:`);
		expect(first).toContain(`imports ${specifier}`);
	});

	it.each([
		["src/config/a.ts", 'import { a } from "../errors.ts";'],
		["src/process/a.ts", 'import { a } from "./b.ts";'],
		["src/tools/a.ts", 'import { a } from "../errors.ts";'],
		["src/server.ts", 'import { a } from "./transport.ts";'],
		["src/main.ts", 'import { version } from "../package.json";'],
		["src/errors.ts", '// import { a } from "./main.ts";'],
		["src/errors.ts", '/*\nimport { a } from "./main.ts";\n*/'],
		["src/errors.ts", 'const quote = /["\'`]/; const other = "it\'s";'],
	])("lets %s do %s", (path, text) => {
		expect(verdictOn({ [path]: `${text}\n` })).toEqual([]);
	});

	it("sees circles, also of types alone and of three", () => {
		const found = verdictOn({
			"src/process/a.ts": 'import { b } from "./b.ts";\n',
			"src/process/b.ts": 'import type { C } from "./c.ts";\n',
			"src/process/c.ts": 'import { a } from "./a.ts";\n',
			"src/process/d.ts": 'import { a } from "./a.ts";\n',
		});
		expect(found).toEqual([
			"circular import: src/process/a.ts -> src/process/b.ts -> src/process/c.ts -> src/process/a.ts",
		]);
	});

	it("sees an import from outside src, and a file without a layer", () => {
		expect(
			verdictOn({ "src/main.ts": 'import "../test/support/server.ts";\n' }),
		).toEqual([expect.stringContaining("outside src")]);
		expect(verdictOn({ "src/helpers/a.ts": "\n" })).toEqual([
			"src/helpers/a.ts: belongs to no layer",
		]);
	});

	it("sees the SDK, and child processes, where they don't belong", () => {
		const sdk =
			'import { Server } from "@modelcontextprotocol/sdk/server.js";\n';
		expect(verdictOn({ "src/tools/io.ts": sdk })).toHaveLength(1);
		expect(verdictOn({ "src/cli/serve.ts": sdk })).toHaveLength(1);
		for (const path of ["tools/tool", "server", "transport"])
			expect(verdictOn({ [`src/${path}.ts`]: sdk })).toEqual([]);
		for (const name of ["node:child_process", "child_process"]) {
			const text = `import { exec } from "${name}";\n`;
			expect(verdictOn({ "src/tools/io.ts": text })).toHaveLength(1);
		}
	});
});

describe("the check of what sources hold", () => {
	it.each([
		["Bun.spawn({});", "src/process/manager.ts"],
		["Bun.spawnSync([]);", "src/platform/linux.ts"],
		["await Bun.$`ls`;", "src/cli/check.ts"],
		['import { spawn } from "bun";', "src/process/stdin.ts"],
		["console.log(1);", "src/server.ts"],
		["process.stdout.write(text);", "src/transport.ts"],
		["process.exit(1);", "src/cli/serve.ts"],
		["process.exitCode = 1;", "src/cli/serve.ts"],
		["process.on(signal, act);", "src/cli/serve.ts"],
		["process.once(signal, act);", "src/process/manager.ts"],
		["const a = b!.c;", "src/tools/io.ts"],
		["const a = b()!;", "src/tools/io.ts"],
		["const a = b[0]!;", "src/tools/io.ts"],
		["function f(a: any) {}", "src/tools/io.ts"],
		["const a = b as any;", "src/tools/io.ts"],
		["let a: Map<string, any>;", "src/tools/io.ts"],
		["let a: any[] = [];", "src/tools/io.ts"],
	])("sees %j in %s", (text, path) => {
		const found = verdictOn({ [path]: `// first line\n${text}\n` });
		expect(found).toHaveLength(1);
		expect(found[0]).toStartWith(`${path}:2: `);
	});

	it.each([
		["Bun.spawn({});", "src/process/launcher.ts"],
		["console.error(1);", "src/server.ts"],
		["console.log(1); process.stdout.write(a);", "src/cli/check.ts"],
		["process.exit(1); process.on(signal, act);", "src/main.ts"],
		["const process = get(); process.stdout.size;", "src/tools/io.ts"],
		["process.stdin; process.env; process.kill(pid);", "src/process/a.ts"],
		['const a = !b && c !== d && e != "any: any";', "src/tools/io.ts"],
		["const a = `Bun.spawn process.exit b!.c : any`;", "src/tools/io.ts"],
		["// Bun.spawn, process.exit(), b!.c", "src/tools/io.ts"],
		["schema.any(); company: anyone;", "src/tools/io.ts"],
	])("lets %j be in %s", (text, path) => {
		expect(verdictOn({ [path]: `${text}\n` })).toEqual([]);
	});

	it("sees a file that is too long, wherever it is, and not one of 300 lines", () => {
		const long = "const a = 1;\n".repeat(301);
		const right = "const a = 1;\n".repeat(300);
		expect(verdictOn({ "src/tools/io.ts": long })).toEqual([
			"src/tools/io.ts: 301 lines are over 300",
		]);
		for (const path of ["test/tools/io.test.ts", "build.ts"])
			expect(verdictOn({ [path]: long })).toHaveLength(1);
		expect(verdictOn({ "src/tools/io.ts": right })).toEqual([]);
	});

	it("sees what has no place at the top, and addresses in the lock file", () => {
		expect(
			strays(["src/main.ts", "README.md", "docs/a.md", "notes.txt", ".ci/run"]),
		).toEqual(["docs/a.md", "notes.txt"]);
		expect(
			addresses('"a": ["a@1", "https://host.example/a.tgz", {}, "sha512-x"]'),
		).toEqual(["https://host.example/a.tgz"]);
	});
});
