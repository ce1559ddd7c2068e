import { describe, expect, it } from "bun:test";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadConfig } from "../../src/config/load.ts";
import type { ConfigInput } from "../../src/config/schema.ts";
import { allowedBy, failure, marked } from "../support/load.ts";
import { Scratch } from "../support/server.ts";

const POSIX = process.platform !== "win32";
const ROOT = process.getuid?.() === 0;

const FIRST = "mcp-process-config.json";
const SECOND = join("config", "mcp-process.json");

/** A folder with every source in it. */
class Sources extends Scratch {
	constructor() {
		super();
		mkdirSync(join(this.path, "config"));
		this.write("flag.json", marked("flag"));
		this.write("path.json", marked("path"));
		this.write(FIRST, marked("first"));
		this.write(SECOND, marked("second"));
	}

	env = {
		MCP_PROCESS_CONFIG_PATH: "path.json",
		MCP_PROCESS_CONFIG: marked("text"),
	};
}

describe("the source of the configuration", () => {
	it("is --config before all others", () => {
		using sources = new Sources();
		const { path: cwd, env } = sources;
		const loaded = loadConfig({ path: "flag.json", env, cwd });
		expect(loaded.config.allowedExecutables).toEqual(["flag"]);
		expect(loaded.source).toEqual({
			kind: "file",
			path: join(cwd, "flag.json"),
		});
	});

	it("is then MCP_PROCESS_CONFIG_PATH, relative to the current directory", () => {
		using sources = new Sources();
		const { path: cwd, env } = sources;
		expect(allowedBy({ env, cwd })).toEqual(["path"]);
		const absolute = { MCP_PROCESS_CONFIG_PATH: join(cwd, "path.json") };
		expect(allowedBy({ env: absolute, cwd: "/" })).toEqual(["path"]);
	});

	it("is then MCP_PROCESS_CONFIG, the text itself", () => {
		using sources = new Sources();
		const { MCP_PROCESS_CONFIG } = sources.env;
		const loaded = loadConfig({
			env: { MCP_PROCESS_CONFIG },
			cwd: sources.path,
		});
		expect(loaded.config.allowedExecutables).toEqual(["text"]);
		expect(loaded.source).toEqual({
			kind: "environment",
			variable: "MCP_PROCESS_CONFIG",
		});
	});

	it("is then ./mcp-process-config.json, then ./config/mcp-process.json", () => {
		using sources = new Sources();
		expect(allowedBy({ env: {}, cwd: sources.path })).toEqual(["first"]);
		using scratch = new Scratch();
		mkdirSync(join(scratch.path, "config"));
		scratch.write(SECOND, marked("second"));
		expect(allowedBy({ env: {}, cwd: scratch.path })).toEqual(["second"]);
	});

	it("is none where there is none, and then nothing is allowed", () => {
		using scratch = new Scratch();
		const loaded = loadConfig({ env: {}, cwd: scratch.path });
		expect(loaded.source).toEqual({ kind: "none" });
		expect(loaded.config.allowedExecutables).toEqual([]);
		expect(loaded.config.blockShellInterpreters).toBe(true);
	});

	it("is none where config is a file and not a folder", () => {
		using scratch = new Scratch();
		scratch.write("config", "");
		expect(loadConfig({ env: {}, cwd: scratch.path }).source.kind).toBe("none");
	});
});

describe("a source that is present and broken", () => {
	// Each stands before good ones, which must not be used in its place.
	it.each([
		[
			"a missing --config",
			{ path: "nowhere.json" },
			{},
			/nowhere\.json: Configuration file not found/,
		],
		["an empty --config", { path: "" }, {}, /is not a file/],
		[
			"a missing file in MCP_PROCESS_CONFIG_PATH",
			{},
			{ MCP_PROCESS_CONFIG_PATH: "nowhere.json" },
			/nowhere\.json: Configuration file not found/,
		],
		[
			"an empty MCP_PROCESS_CONFIG_PATH",
			{},
			{ MCP_PROCESS_CONFIG_PATH: "" },
			/MCP_PROCESS_CONFIG_PATH: is set, but empty/,
		],
		[
			"an empty MCP_PROCESS_CONFIG",
			{},
			{ MCP_PROCESS_CONFIG: "" },
			/MCP_PROCESS_CONFIG:1: not valid JSON/,
		],
		[
			"a broken MCP_PROCESS_CONFIG",
			{},
			{ MCP_PROCESS_CONFIG: "{" },
			/MCP_PROCESS_CONFIG:1: not valid JSON/,
		],
		[
			"a wrong MCP_PROCESS_CONFIG",
			{},
			{ MCP_PROCESS_CONFIG: '{"maxArgumentCount":"x"}' },
			/MCP_PROCESS_CONFIG: maxArgumentCount: /,
		],
	] as [string, { path?: string }, Record<string, string>, RegExp][])(
		"ends the start: %s",
		(_, options, env, message) => {
			using sources = new Sources();
			expect(failure({ ...options, env, cwd: sources.path })).toMatch(message);
		},
	);

	/** Puts something in the place of the first default file, beside a good second one. */
	function withFirst(make: (path: string) => void): string {
		using scratch = new Scratch();
		mkdirSync(join(scratch.path, "config"));
		scratch.write(SECOND, marked("second"));
		const path = join(scratch.path, FIRST);
		make(path);
		const message = failure({ env: {}, cwd: scratch.path });
		expect(message).toStartWith(path);
		return message;
	}

	it("ends the start: a directory", () => {
		expect(withFirst((path) => mkdirSync(path))).toContain("is not a file");
	});

	it("ends the start: an empty file", () => {
		expect(withFirst((path) => writeFileSync(path, ""))).toContain(
			":1: not valid JSON",
		);
	});

	it("ends the start: invalid UTF-8", () => {
		const text = Buffer.from('{"allowedExecutables": ["\xff"]}', "latin1");
		expect(withFirst((path) => writeFileSync(path, text))).toContain(
			"cannot be read",
		);
	});

	it.skipIf(!POSIX)(
		"ends the start: a FIFO, without waiting for a writer",
		() => {
			const message = withFirst((path) => {
				expect(Bun.spawnSync(["mkfifo", path]).success).toBe(true);
			});
			expect(message).toContain("is not a file");
		},
	);

	it.skipIf(!POSIX)("ends the start: a dangling link", () => {
		const message = withFirst((path) => symlinkSync("nowhere", path));
		expect(message).toContain("not found");
	});

	it.skipIf(!POSIX)("ends the start: a link to itself", () => {
		const message = withFirst((path) => symlinkSync(path, path));
		expect(message).toContain("cannot be read");
	});

	it.skipIf(!POSIX || ROOT)(
		"ends the start: a file that may not be read",
		() => {
			const message = withFirst((path) =>
				writeFileSync(path, marked("first"), { mode: 0o000 }),
			);
			expect(message).toContain("cannot be read");
		},
	);

	it.skipIf(!POSIX || ROOT)(
		"ends the start: a config folder that may not be entered",
		() => {
			using scratch = new Scratch();
			const folder = join(scratch.path, "config");
			mkdirSync(folder, { mode: 0o000 });
			try {
				expect(failure({ env: {}, cwd: scratch.path })).toContain(
					"cannot be read",
				);
			} finally {
				chmodSync(folder, 0o700);
			}
		},
	);
});

describe("a loaded configuration", () => {
	it("is frozen through and through", () => {
		using scratch = new Scratch();
		const path = scratch.write(
			"p.json",
			JSON.stringify({
				allowedExecutables: [
					{ executable: "node", env: { A: "1" }, blockedArguments: ["-e"] },
				],
			} satisfies ConfigInput),
		);
		const pending: unknown[] = [
			loadConfig({ path, env: {}, cwd: "/" }).config,
			loadConfig({ env: {}, cwd: scratch.path }).config,
		];
		let objects = 0;
		for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
			if (typeof next !== "object" || next === null) continue;
			expect(Object.isFrozen(next)).toBe(true);
			objects++;
			pending.push(...Object.values(next));
		}
		expect(objects).toBeGreaterThan(20);
	});

	it("says where a setting stands", () => {
		using scratch = new Scratch();
		const path = scratch.write(
			"p.json",
			'{\n "allowedExecutables":\n [\n"node"]\n}',
		);
		const { locate } = loadConfig({ path, env: {}, cwd: "/" });
		expect(locate(["allowedExecutables"])).toBe(`${path}:2`);
		expect(locate(["allowedExecutables", 0])).toBe(`${path}:4`);
		const text = loadConfig({ env: { MCP_PROCESS_CONFIG: "{}" }, cwd: "/" });
		expect(text.locate(["allowedExecutables"])).toBe("MCP_PROCESS_CONFIG");
	});
});
