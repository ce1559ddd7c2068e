#!/usr/bin/env node
// Runs under Node.js as under Bun, and starts the program with Bun.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";

const WINDOWS = process.platform === "win32";

/** Bun's file: the one that runs this, else that of a full path in PATH, else where it installs itself. */
function findBun() {
	if (process.versions.bun) return process.execPath;
	const { PATH = "", BUN_INSTALL, HOME, USERPROFILE } = process.env;
	const home = HOME ?? USERPROFILE;
	// Never a folder that depends on the current one, which is the agent's.
	const folders = [
		...PATH.split(delimiter),
		BUN_INSTALL && join(BUN_INSTALL, "bin"),
		home && join(home, ".bun", "bin"),
	];
	return folders
		.filter((folder) => folder && isAbsolute(folder))
		.map((folder) => join(folder, WINDOWS ? "bun.exe" : "bun"))
		.find((path) => existsSync(path));
}

const bun = findBun();
if (bun === undefined) {
	console.error(
		"mcp-process: Bun is not installed: run npx -y -p bun -p mcp-process mcp-process, or install it from https://bun.com",
	);
	process.exit(1);
}

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const args = [
	// The current directory is the agent's: nothing in it may change this program.
	`--config=${here("bunfig.toml")}`,
	"--no-env-file",
	"--no-install",
	"--disallow-code-generation-from-strings=strict",
	"--no-orphans",
	here("mcp-process.js"),
	...process.argv.slice(2),
];
const { BUN_OPTIONS, NODE_OPTIONS, ...env } = process.env;
const child = spawn(bun, args, { env, stdio: "inherit" });
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"])
	process.on(signal, () => child.kill(signal));
child.on("error", ({ message }) => {
	console.error(`mcp-process: ${bun} could not be started: ${message}`);
	process.exit(1);
});
child.on("exit", (code, signal) => {
	process.exit(code ?? 128 + (constants.signals[signal] ?? 0));
});
