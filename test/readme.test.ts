import { expect, it } from "bun:test";
import { join } from "node:path";
import { withTables } from "../.github/release/docs.ts";

it("README.md's tables are the code's", async () => {
	const readme = await Bun.file(join(import.meta.dir, "../README.md")).text();
	// `bun run docs` writes them anew.
	expect(withTables(readme)).toBe(readme);
});
