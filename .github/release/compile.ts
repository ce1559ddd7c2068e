import { mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { TARGETS, type TargetName } from "./targets.ts";

const ROOT = join(import.meta.dir, "../..");

/** Compiles the program for a target, or for this machine, into `outfile`. */
export async function compile(
	outfile: string,
	target?: TargetName,
): Promise<string> {
	await build(outfile, target ?? thisMachine(), {
		bytecode: true,
		compile: {
			outfile,
			...(target !== undefined && { target: TARGETS[target].runtime }),
			// The current directory is the agent's: nothing in it may change this program.
			autoloadDotenv: false,
			autoloadBunfig: false,
			autoloadTsconfig: false,
			autoloadPackageJson: false,
			// Nothing is compiled that only a start runs, which ends this: src/server.ts.
			jitPolicy: 100,
			execArgv: [
				// Also stops BUN_OPTIONS=--preload.
				"--disallow-code-generation-from-strings=strict",
				// Direct children die with the server, also when it is killed.
				"--no-orphans",
			],
		},
	});
	return outfile;
}

/** Bundles the program into one script for Bun. */
export async function bundle(outfile: string): Promise<void> {
	await build(outfile, "npm", { outdir: dirname(outfile) });
	const script = await Bun.file(join(dirname(outfile), "main.js")).text();
	await rm(join(dirname(outfile), "main.js"));
	await Bun.write(outfile, script.replace(/^#!.*\n/, ""));
}

/**
 * The SDK's default validator of JSON Schema compiles code from strings, which the
 * program forbids and never asks for: it is given another one. Left out, it need
 * not be loaded at each start.
 */
const withoutDefaultValidator: Bun.BunPlugin = {
	name: "without the SDK's default validator",
	setup(build) {
		build.onLoad({ filter: /[\\/]validation[\\/]ajv-provider\.js$/ }, () => ({
			contents: "export class AjvJsonSchemaValidator {}",
			loader: "js",
		}));
	},
};

async function build(
	outfile: string,
	target: string,
	options: Partial<Bun.BuildConfig>,
): Promise<void> {
	await mkdir(dirname(outfile), { recursive: true });
	await rm(outfile, { force: true });
	const result = await Bun.build({
		entrypoints: [join(ROOT, "src", "main.ts")],
		target: "bun",
		format: "esm",
		minify: true,
		plugins: [withoutDefaultValidator],
		define: {
			BUILD_COMMIT: JSON.stringify(commit()),
			BUILD_TARGET: JSON.stringify(target),
		},
		...options,
	});
	for (const log of result.logs) console.error(log);
	if (!result.success) process.exit(1);
}

/** The commit that is built, with a `+` where files of it were changed; `unknown` outside a repository. */
function commit(): string {
	const git = (...args: string[]) => {
		const { success, stdout } = Bun.spawnSync(["git", ...args], {
			cwd: ROOT,
			stderr: "ignore",
		});
		return success ? stdout.toString().trim() : undefined;
	};
	const head = git("rev-parse", "--short=12", "HEAD");
	if (head === undefined) return "unknown";
	return git("status", "--porcelain", "--untracked-files=no") === ""
		? head
		: `${head}+`;
}

function thisMachine(): string {
	const system = process.platform === "win32" ? "windows" : process.platform;
	return `${system}-${process.arch}`;
}
