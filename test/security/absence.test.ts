import { describe, expect, it } from "bun:test";
import { join } from "node:path";

const SECURITY = join(import.meta.dir, "../../src/security");

/** What it says of a file and a directory that are there, with no descriptor left. */
const SCRIPT = `
import { openSync } from "node:fs";
import { checkDirectory } from ${JSON.stringify(`${SECURITY}/directory.ts`)};
import { findExecutable } from ${JSON.stringify(`${SECURITY}/executable.ts`)};
const said = (look) => {
	try {
		return look() === undefined ? "absent" : "there";
	} catch (error) {
		return error.code + ": " + error.message;
	}
};
const looks = [
	() => findExecutable("sh", ["/usr/bin"], "/"),
	() => checkDirectory("/", { allowed: [], blocked: [], fallback: "/" }),
];
const before = looks.map(said);
try {
	for (;;) openSync("/dev/null");
} catch {}
console.log(JSON.stringify([before, looks.map(said)]));
`;

describe.skipIf(process.platform === "win32")(
	"a look without descriptors",
	() => {
		it("is not taken for the absence of what it is for", async () => {
			const child = Bun.spawn(
				[
					"sh",
					"-c",
					'ulimit -n 64; exec "$@"',
					"sh",
					process.execPath,
					"-e",
					SCRIPT,
				],
				{ stdout: "pipe", stderr: "inherit", stdin: "ignore" },
			);
			const failure =
				"SPAWN_FAILED: Process could not be started: too many open files";
			expect(JSON.parse(await child.stdout.text())).toEqual([
				["there", "there"],
				[failure, failure],
			]);
		});
	},
);
