/**
 * Runs the whole suite in parts: `bun test/suite/run.ts [PIECE OF A PATH...]`.
 * `npm test` does it when everything is built.
 */
import { join } from "node:path";
import { PARTS } from "./parts.ts";
import { runSuite } from "./suite.ts";

const passed = await runSuite({
	tests: join(import.meta.dir, ".."),
	parts: PARTS,
	only: process.argv.slice(2),
	// Several times what any part takes on the slowest machine.
	bound: 25 * 60_000,
	print: (text) => console.log(text),
});
process.exit(passed ? 0 : 1);
