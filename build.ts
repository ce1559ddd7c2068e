import { mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";

const ROOT = import.meta.dir;
const WINDOWS = process.platform === "win32";
const OUTFILE = join(ROOT, "dist", `mcp-process${WINDOWS ? ".exe" : ""}`);

/** Compiles the program for this machine. */
async function build(outfile: string): Promise<void> {
	await mkdir(dirname(outfile), { recursive: true });
	await rm(outfile, { force: true });
	const result = await Bun.build({
		entrypoints: [join(ROOT, "src", "main.ts")],
		target: "bun",
		format: "esm",
		minify: true,
		bytecode: true,
		compile: {
			outfile,
			// The current directory is the agent's: nothing in it may change this program.
			autoloadDotenv: false,
			autoloadBunfig: false,
			autoloadTsconfig: false,
			autoloadPackageJson: false,
			execArgv: [
				// Also stops BUN_OPTIONS=--preload.
				"--disallow-code-generation-from-strings=strict",
				// Direct children die with the server, also when it is killed.
				"--no-orphans",
			],
		},
	});
	for (const log of result.logs) console.error(log);
	if (!result.success) process.exit(1);
}

await build(OUTFILE);
console.log(`Built ${OUTFILE}`);
