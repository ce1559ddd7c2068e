import { describe, expect, it } from "bun:test";
import {
	type Command,
	CommandError,
	HELP,
	parseCommand,
} from "../../src/cli/command.ts";

/** What a command line is refused with. */
function complaint(...argv: string[]): CommandError {
	try {
		parseCommand(argv);
	} catch (error) {
		if (error instanceof CommandError) return error;
		throw error;
	}
	throw new Error(`${JSON.stringify(argv)} was understood`);
}

const UNDERSTOOD: readonly (readonly [string[], Command])[] = [
	[[], { kind: "serve", config: undefined }],
	[["--config", "a.json"], { kind: "serve", config: "a.json" }],
	[["--config=a.json"], { kind: "serve", config: "a.json" }],
	[["--config", "a", "--config", "b"], { kind: "serve", config: "b" }],
	[["--config=-odd"], { kind: "serve", config: "-odd" }],
	[["--help"], { kind: "help" }],
	[["-h"], { kind: "help" }],
	[["--version"], { kind: "version" }],
	[["-V"], { kind: "version" }],
	[["-V", "-h"], { kind: "help" }],
	[["--config", "a", "--help"], { kind: "help" }],
	[["--schema"], { kind: "schema" }],
	[
		["--create-config"],
		{
			kind: "create-config",
			path: "./mcp-process-config.json",
			force: false,
		},
	],
	[
		["--create-config", "a.json"],
		{ kind: "create-config", path: "a.json", force: false },
	],
	[
		["--force", "--create-config", "a.json"],
		{ kind: "create-config", path: "a.json", force: true },
	],
	[
		["--create-config", "a.json", "--force"],
		{ kind: "create-config", path: "a.json", force: true },
	],
	[["doctor"], { kind: "doctor", config: undefined, json: false }],
	[
		["doctor", "--json", "--config", "a"],
		{ kind: "doctor", config: "a", json: true },
	],
	[["interrupt", "12", "345"], { kind: "interrupt", pids: [12, 345] }],
	[["check"], { kind: "check", config: undefined }],
	[["check", "--config", "a"], { kind: "check", config: "a" }],
	[["--config", "a", "check"], { kind: "check", config: "a" }],
	[
		["explain", "--", "ls"],
		{ kind: "explain", config: undefined, cwd: undefined, command: ["ls"] },
	],
	[
		["explain", "--cwd", "/", "--config=a", "--", "ls", "--help", "--", "-V"],
		{
			kind: "explain",
			config: "a",
			cwd: "/",
			command: ["ls", "--help", "--", "-V"],
		},
	],
	[
		["audit", "verify"],
		{ kind: "audit", action: "verify", path: undefined, config: undefined },
	],
	[
		["audit", "tail", "--config", "c.json"],
		{ kind: "audit", action: "tail", path: undefined, config: "c.json" },
	],
	[
		["audit", "tail", "a.log"],
		{ kind: "audit", action: "tail", path: "a.log", config: undefined },
	],
];

describe("parseCommand", () => {
	it.each(UNDERSTOOD.map(([argv, command]) => ({ argv, command })))(
		"understands $argv",
		({ argv, command }) => {
			expect(parseCommand(argv)).toEqual(command);
		},
	);

	it.each([
		[["--unknown"], "--unknown"],
		[["-x"], "-x"],
		[["--config"], "--config"],
		[["--config", "--help"], "--config"],
		[["--config="], "--config"],
		[["--config", ""], "--config"],
		[["--config.json"], "--config.json"],
		[["--force"], "--force"],
		[["--force=yes", "--create-config"], "--force"],
		[["--schema", "--config", "a"], "--config"],
		[["--schema", "extra"], "extra"],
		[["--schema", "--create-config"], "--schema"],
		[["--create-config", "a", "b"], "b"],
		[["--create-config", "--config", "a"], "--config"],
		[["serve"], "serve"],
		[["extra"], "extra"],
		[[""], "argument"],
		[["check", "extra"], "extra"],
		[["check", "--cwd", "/"], "--cwd"],
		[["check", "--", "ls"], "explain"],
		[["explain"], "EXECUTABLE"],
		[["explain", "--"], "EXECUTABLE"],
		[["explain", "ls"], "ls; the program stands behind --"],
		[["explain", "ls", "-l"], "'-l'; the program stands behind --"],
		[["explain", "--cwd=", "--", "ls"], "--cwd"],
		[["audit"], "verify"],
		[["audit", "delete"], "verify"],
		[["audit", "tail", "a", "--config", "c"], "not both"],
		[["audit", "tail", "a", "b"], "b"],
		[["--", "ls"], "explain"],
		[["--helpp"], "--helpp"],
		[["--version=1"], "--version"],
	])("refuses %j, and says what of it", (argv, named) => {
		const { message, exitCode } = complaint(...argv);
		expect(exitCode).toBe(2);
		expect(message).toContain(named);
		expect(message).not.toContain("\n");
		expect(message.length).toBeLessThan(200);
	});

	it("does not take a flag's name from an object's own properties", () => {
		for (const flag of ["--__proto__", "--constructor", "--toString"])
			expect(complaint(flag).exitCode).toBe(2);
	});
});

describe("the help", () => {
	it("names every flag and where the configuration comes from, in 80 columns or little more", () => {
		for (const word of [
			...["--config", "--create-config", "--force", "--schema", "--help"],
			...["--version", "-h", "-V", "check", "explain", "audit"],
			...["MCP_PROCESS_CONFIG_PATH", "MCP_PROCESS_CONFIG"],
			...["./mcp-process-config.json", "./config/mcp-process.json"],
		])
			expect(HELP).toContain(word);
		for (const line of HELP.split("\n")) expect(line.length).toBeLessThan(100);
		expect(HELP).toEndWith("\n");
	});
});
