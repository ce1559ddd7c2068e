import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { CommandResult } from "../support/command.ts";
import { startBeforePermissive } from "../support/configuration.ts";
import { Scratch } from "../support/server.ts";

setDefaultTimeout(60_000);

/** The places from which a configuration can come; each is given a file's text. */
const SOURCES: readonly (readonly [
	string,
	(
		scratch: Scratch,
		text: string,
	) => Promise<CommandResult & { named: string }>,
])[] = [
	[
		"--config",
		async (scratch, text) => {
			const named = scratch.write("given.json", text);
			return {
				named,
				...(await startBeforePermissive(scratch, ["--config", named])),
			};
		},
	],
	[
		"MCP_PROCESS_CONFIG_PATH",
		async (scratch, text) => {
			const named = scratch.write("named.json", text);
			return {
				named,
				...(await startBeforePermissive(scratch, [], {
					MCP_PROCESS_CONFIG_PATH: named,
				})),
			};
		},
	],
	[
		"MCP_PROCESS_CONFIG",
		async (scratch, text) => ({
			named: "MCP_PROCESS_CONFIG",
			...(await startBeforePermissive(scratch, [], {
				MCP_PROCESS_CONFIG: text,
			})),
		}),
	],
	[
		"./mcp-process-config.json",
		async (scratch, text) => {
			const named = scratch.write("mcp-process-config.json", text);
			return { named, ...(await startBeforePermissive(scratch, [])) };
		},
	],
	[
		"./config/mcp-process.json",
		async (scratch, text) => {
			mkdirSync(join(scratch.path, "config"), { mode: 0o755 });
			const named = scratch.write("config/mcp-process.json", text);
			return {
				named,
				...(await startBeforePermissive(scratch, [], {}, false)),
			};
		},
	],
];

/** Texts that no server may start with, and what its message has to name. */
const BROKEN: readonly (readonly [string, string, RegExp])[] = [
	["nothing", "", /not valid JSON/],
	["blanks", "  \n", /not valid JSON/],
	["a comment alone", "// nothing\n", /not valid JSON/],
	["half an object", '{ "allowedExecutables": ["true"', /not valid JSON/],
	["an object and more", "{} {}", /not valid JSON/],
	["a list", '["true"]', /./],
	["null", "null", /./],
	["a mistyped key", '{ "allowedExecutable": ["true"] }', /allowedExecutables/],
	[
		"a key of the wrong case",
		'{ "allowedexecutables": ["true"] }',
		/allowedExecutables/,
	],
	[
		"a key given twice",
		'{ "allowedExecutables": [], "allowedExecutables": ["true"] }',
		/allowedExecutables: given twice/,
	],
	[
		"a text where a list belongs",
		'{ "allowedExecutables": "true" }',
		/allowedExecutables/,
	],
	[
		"a text where a truth value belongs",
		'{ "allowedExecutables": ["true"], "blockShellInterpreters": "true" }',
		/blockShellInterpreters/,
	],
	[
		"a negative number",
		'{ "allowedExecutables": ["true"], "maxConcurrentProcesses": -1 }',
		/maxConcurrentProcesses/,
	],
	[
		"a number as text",
		'{ "allowedExecutables": ["true"], "maxConcurrentProcesses": "10" }',
		/maxConcurrentProcesses/,
	],
	[
		"a relative directory",
		'{ "allowedExecutables": ["true"], "allowedWorkingDirectories": ["src"] }',
		/allowedWorkingDirectories/,
	],
	[
		"a mistyped key in a rule",
		'{ "allowedExecutables": [{ "executable": "true", "allowedArgument": [] }] }',
		/allowedArguments/,
	],
	[
		"a pattern that is none",
		'{ "allowedExecutables": ["true"], "blockedArgumentPatterns": ["("] }',
		/blockedArgumentPatterns/,
	],
	[
		"__proto__",
		'{ "__proto__": { "allowedExecutables": ["true"] } }',
		/__proto__/,
	],
	[
		"a setting that nothing enforces",
		'{ "allowedExecutables": ["true"], "enableSeccomp": true, "seccompProfile": "x" }',
		/enableSeccomp/,
	],
];

describe.each(SOURCES)("a broken configuration from %s", (_, serve) => {
	it.each(BROKEN)("ends the start: %s", async (_name, text, names) => {
		using scratch = new Scratch();
		const { code, stdout, stderr, named } = await serve(scratch, text);
		expect(code).toBe(1);
		expect(stdout).toBe("");
		expect(stderr).toContain(named);
		expect(stderr).toMatch(names);
	});
});
