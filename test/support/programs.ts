import { existsSync, realpathSync } from "node:fs";
import { join } from "node:path";

const FIXTURES = join(import.meta.dir, "../fixtures");

/** A fixture program's path, to be run by `PYTHON` or `NODE`. */
export function fixture(name: string): string {
	return join(FIXTURES, name);
}

/** The system's own Python starts twice as fast as one that somebody installed things for. */
const SYSTEM_PYTHON = "/usr/bin/python3";

/** The interpreters themselves: a version manager's shim is a shell script, and slow. */
export const PYTHON = selfReported(
	process.platform === "linux" && existsSync(SYSTEM_PYTHON)
		? SYSTEM_PYTHON
		: "python3",
	["-c", "import sys; print(sys.executable)"],
);
export const NODE = selfReported("node", [
	"-e",
	"console.log(process.execPath)",
]);

function selfReported(name: string, args: readonly string[]): string {
	const { stdout, success } = Bun.spawnSync([name, ...args]);
	if (!success) throw new Error(`these tests need ${name} on PATH`);
	return realpathSync(stdout.toString().trim());
}
