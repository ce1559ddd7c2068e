/** The package for npm: the program bundled into one file, and what starts it. */
import { cp, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { bundle } from "./compile.ts";
import { npmManifest } from "./manifests.ts";

const ROOT = join(import.meta.dir, "../..");
const FILES = {
	start: "start.js",
	program: "mcp-process.js",
	/** Given to Bun in the place of the one in the current directory. */
	settings: "bunfig.toml",
	readme: "README.md",
	license: "LICENSE",
};

/** Makes the folder that is published; returns its path. */
export async function npmPackage(folder: string): Promise<string> {
	await rm(folder, { recursive: true, force: true });
	await mkdir(folder, { recursive: true });
	await bundle(join(folder, FILES.program));
	await cp(join(import.meta.dir, "start.js"), join(folder, FILES.start));
	await Bun.write(
		join(folder, FILES.settings),
		"# Empty: nothing changes how the program runs.\n",
	);
	for (const name of [FILES.readme, FILES.license])
		await cp(join(ROOT, name), join(folder, name));
	await Bun.write(
		join(folder, "package.json"),
		`${JSON.stringify(npmManifest(FILES), null, 2)}\n`,
	);
	return folder;
}
