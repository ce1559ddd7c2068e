/**
 * Makes everything that is made, below `dist`:
 *
 *   bun build.ts                  the program, for this machine
 *   bun build.ts --target NAME    the program, for another one
 *   bun build.ts --npm            the package for npm
 *   bun build.ts --all            a whole release, for every machine
 *   bun build.ts --docs           the tables of README.md
 *
 * `--out DIR` names another folder. What each of them holds is made in
 * `.github/release`.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compile } from "./.github/release/compile.ts";
import { withTables } from "./.github/release/docs.ts";
import { npmPackage } from "./.github/release/npm.ts";
import { release } from "./.github/release/release.ts";
import { binaryOf, TARGET_NAMES } from "./.github/release/targets.ts";

const README = join(import.meta.dir, "README.md");

function refuse(message: string): never {
	console.error(message);
	process.exit(2);
}

function parse() {
	try {
		return parseArgs({
			options: {
				target: { type: "string" },
				npm: { type: "boolean" },
				all: { type: "boolean" },
				docs: { type: "boolean" },
				out: { type: "string", default: join(import.meta.dir, "dist") },
			},
		}).values;
	} catch (error) {
		return refuse(String(error));
	}
}

const { target: wanted, npm, all, docs, out } = parse();
if (docs) {
	await Bun.write(README, withTables(await Bun.file(README).text()));
	console.log(`Wrote the tables of ${README}`);
} else if (npm) {
	console.log(`Built ${await npmPackage(join(out, "npm"))}`);
} else if (all) {
	for await (const path of release(out)) console.log(`Built ${path}`);
} else if (wanted !== undefined) {
	const target = TARGET_NAMES.find((name) => name === wanted);
	if (target === undefined)
		refuse(`--target takes one of: ${TARGET_NAMES.join(", ")}`);
	const extension = binaryOf(target).replace("mcp-process", "");
	const path = join(out, `mcp-process-${target}${extension}`);
	console.log(`Built ${await compile(path, target)}`);
} else {
	const extension = process.platform === "win32" ? ".exe" : "";
	console.log(`Built ${await compile(join(out, `mcp-process${extension}`))}`);
}
