import { describe, expect, it } from "bun:test";
import { parse as parseJsonc } from "jsonc-parser";
import {
	addEntry,
	blockOf,
	commandIn,
	EntryError,
} from "../../src/cli/client-entry.ts";
import type { Format } from "../../src/cli/clients.ts";

const JSON_FILE: Format = { kind: "json", key: "mcpServers", typed: false };
const TYPED: Format = { kind: "json", key: "servers", typed: true };
const TOML: Format = { kind: "toml", key: "mcp_servers" };
const ENTRY = {
	command: "/opt/mcp-process",
	args: ["--config", "/etc/p.json"],
};
const OTHER = { ...ENTRY, command: "/elsewhere" };

/** The text to which the entry was added. */
function added(text: string, format: Format, replace = false): string {
	const addition = addEntry(text, ENTRY, format, replace);
	if (addition.kind !== "added") throw new Error(addition.kind);
	return addition.text;
}

describe("a block", () => {
	it("holds the entry alone, as each client wants it", () => {
		expect(JSON.parse(blockOf(ENTRY, JSON_FILE))).toEqual({
			mcpServers: { process: ENTRY },
		});
		expect(JSON.parse(blockOf(ENTRY, TYPED))).toEqual({
			servers: { process: { type: "stdio", ...ENTRY } },
		});
		expect(Bun.TOML.parse(blockOf(ENTRY, TOML))).toEqual({
			mcp_servers: { process: ENTRY },
		});
	});

	it.each([
		"C:\\Program Files\\mcp-process.exe",
		'with "quotes" and \\u0041',
		"änderung/☂/𝒳",
		"tab\tnewline\ndelete\x7F",
	])("keeps %j as it is", (command) => {
		const entry = { command, args: [command, ""] };
		expect(JSON.parse(blockOf(entry, JSON_FILE))).toEqual({
			mcpServers: { process: entry },
		});
		expect(Bun.TOML.parse(blockOf(entry, TOML))).toEqual({
			mcp_servers: { process: entry },
		});
	});
});

describe.each([
	["JSON", JSON_FILE],
	["TOML", TOML],
] as const)("an entry in %s", (_, format) => {
	it.each(["", "\n", "  \n\n"])("is added to %j", (text) => {
		expect(commandIn(added(text, format), format)).toBe(ENTRY.command);
	});

	it("is there already when it is added again", () => {
		const text = added("", format);
		expect(addEntry(text, ENTRY, format, false)).toEqual({ kind: "present" });
		expect(addEntry(text, ENTRY, format, true)).toEqual({ kind: "present" });
	});

	it("takes the place of another one only where that is asked for", () => {
		const text = blockOf(OTHER, format);
		expect(addEntry(text, ENTRY, format, false)).toEqual({ kind: "taken" });
		expect(added(text, format, true)).toBe(blockOf(ENTRY, format));
	});

	it("is not found where there is none", () => {
		expect(commandIn("", format)).toBeUndefined();
	});
});

describe("a JSON file", () => {
	const COMMENTED = `{
    // servers of mine
    "mcpServers": {
        "other": { "command": "x", /* odd */ "args": [1,2,], },
    },
    "theme": "dark", // at night
}
`;

	it("keeps comments, trailing commas, order and indentation", () => {
		const text = added(COMMENTED, JSON_FILE);
		const entry = text.slice(
			text.indexOf('\n        "process": {\n            "command"'),
			text.indexOf("\n    },\n"),
		);
		expect(text.replace(entry, "")).toBe(COMMENTED);
		expect(parseJsonc(text).mcpServers.process).toEqual(ENTRY);
	});

	it.each([
		'{"a":1}',
		'{ "a": 1 }',
		'{ "a": 1, }',
		'{\n  "a": 1 // one\n}\n',
		'{\n  "a": 1, // one\n  // end\n}\n',
		'{\n  "a": 1 /* one */,\n}',
		"{\n  // nothing yet\n}\n",
		'{ "mcpServers": {} }',
		'{ "mcpServers": { /* none */ } }',
		'{ "mcpServers": { "a": { "command": "x" } } } // end',
	])("like %j keeps every line of its own", (before) => {
		const text = added(before, JSON_FILE);
		const comments = before.match(/\/\/[^\n]*|\/\*.*?\*\//g) ?? [];
		for (const comment of comments) expect(text).toContain(comment);
		const { mcpServers, ...rest } = parseJsonc(text);
		expect(mcpServers.process).toEqual(ENTRY);
		expect({ mcpServers: {}, ...rest }).toMatchObject(
			before.includes('"a": 1') ? { a: 1 } : {},
		);
	});

	it("keeps tabs, CRLF and a byte order mark", () => {
		const text = added('\uFEFF{\r\n\t"a": 1\r\n}\r\n', JSON_FILE);
		expect(text).toStartWith('\uFEFF{\r\n\t"a": 1,\r\n\t"mcpServers": {\r\n');
		expect(text.replaceAll("\r\n", "")).not.toContain("\n");
		expect(text).toContain('\t\t"process"');
	});

	it("keeps what else a replaced entry holds", () => {
		const old = { ...OTHER, env: { PATH: "/bin" }, disabled: false };
		const text = JSON.stringify({ mcpServers: { process: old } });
		expect(JSON.parse(added(text, JSON_FILE, true))).toEqual({
			mcpServers: { process: { ...old, ...ENTRY } },
		});
		const same = JSON.stringify({
			mcpServers: { process: { ...old, ...ENTRY } },
		});
		expect(addEntry(same, ENTRY, JSON_FILE, false)).toEqual({
			kind: "present",
		});
	});

	it("keeps nothing of an entry that is no command", () => {
		const text = '{ "mcpServers": { "process": { "url": "http://x" } } }';
		expect(JSON.parse(added(text, JSON_FILE, true))).toEqual({
			mcpServers: { process: ENTRY },
		});
	});

	it.each([
		['{ "a": 1', "line 1: not valid JSON"],
		['{\n "a": 1,\n "a": 2\n}', "line 3: a: given twice"],
		["[]", "no settings by name"],
		['"text"', "no settings by name"],
		['{ "mcpServers": [] }', "not a table of servers"],
		['{ "mcpServers": "x" }', "not a table of servers"],
		["<<<<<<< HEAD\n{}", "not valid JSON"],
	])("like %j is refused", (text, message) => {
		expect(() => addEntry(text, ENTRY, JSON_FILE, true)).toThrow(message);
		expect(() => addEntry(text, ENTRY, JSON_FILE, true)).toThrow(EntryError);
	});
});

describe("a TOML file", () => {
	const SETTINGS = `# mine
model = "m"   # a comment
started = 1979-05-27T07:32:00Z
text = """
[mcp_servers.process]
"""

[mcp_servers.other]
command = 'C:\\x'
`;

	it("is added to at its end, and is otherwise the same", () => {
		const text = added(SETTINGS, TOML);
		expect(text).toBe(`${SETTINGS}\n${blockOf(ENTRY, TOML)}`);
		expect(added("a = 1", TOML)).toBe(`a = 1\n\n${blockOf(ENTRY, TOML)}`);
	});

	it("keeps CRLF", () => {
		const text = added("a = 1\r\n", TOML);
		expect(text.replaceAll("\r\n", "")).not.toContain("\n");
	});

	it("keeps all but command and arguments of a replaced entry", () => {
		const text = added(
			`[mcp_servers.process] # this one
args = [
  "a", # first
  "b",
]
# waits long
startup_timeout_sec = 60
command = "/old"

[mcp_servers.process.env]
PATH = "/bin"

[[x]]
`,
			TOML,
			true,
		);
		expect(text).toBe(`[mcp_servers.process] # this one
command = "/opt/mcp-process"
args = ["--config", "/etc/p.json"]
# waits long
startup_timeout_sec = 60

[mcp_servers.process.env]
PATH = "/bin"

[[x]]
`);
	});

	it.each([
		["a = ", "not valid TOML"],
		["a = 1\na = 2\n", "not valid TOML"],
		["mcp_servers = 1\n", "not a table of servers"],
	])("like %j is refused", (text, message) => {
		expect(() => addEntry(text, ENTRY, TOML, true)).toThrow(message);
	});

	it.each([
		'mcp_servers = { other = { command = "x" } }\n',
		'mcp_servers = { process = { command = "x" } }\n',
		'[mcp_servers]\nprocess = { command = "x" }\n',
		'mcp_servers.process.command = "x"\n',
		'text = """\n[mcp_servers.process]\n"""\n[mcp_servers]\nprocess.command = "x"\n',
	])("like %j is refused rather than made into something else", (text) => {
		expect(() => addEntry(text, ENTRY, TOML, true)).toThrow(EntryError);
	});
});
