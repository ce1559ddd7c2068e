import { describe, expect, it } from "bun:test";
import { join } from "node:path";
import { Validator } from "@cfworker/json-schema";
import { withTables } from "../.github/release/docs.ts";
import { tools } from "../src/tools/index.ts";

const readme = await Bun.file(join(import.meta.dir, "../README.md")).text();

it("README.md's tables are the code's", () => {
	// `bun run docs` writes them anew.
	expect(withTables(readme)).toBe(readme);
});

interface Example {
	readonly tool: string;
	readonly input: string;
	/** What comes back, shortened, without the marks of comments. */
	readonly results: string;
}

/** The calls that README.md shows: `// tool`, its input, and `// →` with what came back. */
function examples(): Example[] {
	const blocks = [...readme.matchAll(/^```jsonc\n(.*?)^```$/gms)];
	return blocks.flatMap(([, block = ""]) =>
		block
			.split(/^\/\/ (?=process_)/m)
			.slice(1)
			.flatMap((part) => {
				const [heading = "", ...rest] = part.split("\n");
				const tool = /^\w+/.exec(heading)?.[0] ?? "";
				const end = rest.findIndex((line) => /^(\/\/|$)/.test(line));
				const input = rest.slice(0, end).join("\n");
				if (!input.startsWith("{")) return [];
				const results = rest
					.slice(end)
					.filter((line) => /^\/\/ ( {2}|→)/.test(line))
					.join("\n");
				return [{ tool, input, results }];
			}),
	);
}

describe("an example of README.md", () => {
	const all = examples();

	it("is there for most tools", () => {
		expect(all.length).toBeGreaterThan(25);
		expect(new Set(all.map(({ tool }) => tool)).size).toBeGreaterThan(10);
	});

	it.each(all)("calls $tool as it can be called: $input", (example) => {
		const listing = tools
			.map((tool) => tool.listing())
			.find(({ name }) => name === example.tool);
		if (!listing) throw new Error(`there is no tool ${example.tool}`);
		const schema = JSON.stringify(listing.inputSchema);
		const input: unknown = JSON.parse(example.input);
		const { errors } = new Validator(JSON.parse(schema)).validate(input);
		expect(errors).toEqual([]);
	});

	it.each(all)("shows fields that $tool has: $results", (example) => {
		const listing = tools
			.map((tool) => tool.listing())
			.find(({ name }) => name === example.tool);
		const known = `${JSON.stringify(listing?.outputSchema)} "status":`;
		for (const [, field] of example.results.matchAll(/"(\w+)": /g))
			expect(known).toContain(`"${field}":`);
	});
});
