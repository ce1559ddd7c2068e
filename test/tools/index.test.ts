import { describe, expect, it } from "bun:test";
import { tools } from "../../src/tools/index.ts";

/** The order in which the contract names them. */
const ORDER = [
	"process_start",
	"process_terminate",
	"process_get_stats",
	"process_send_stdin",
	"process_get_output",
	"process_list",
	"process_get_status",
	"process_create_group",
	"process_add_to_group",
	"process_terminate_group",
	"process_start_service",
	"process_stop_service",
	"process_wait",
	"process_restart_service",
	"process_check_policy",
];

/** Every schema within a schema, with its path. */
function* fieldsOf(
	schema: unknown,
	path: string,
): Generator<[string, Record<string, unknown>]> {
	if (typeof schema !== "object" || schema === null) return;
	if ("properties" in schema && typeof schema.properties === "object") {
		for (const [name, field] of Object.entries(schema.properties ?? {})) {
			yield [`${path}.${name}`, field];
			yield* fieldsOf(field, `${path}.${name}`);
		}
	}
	if ("items" in schema) yield* fieldsOf(schema.items, `${path}[]`);
}

describe("the tools", () => {
	it("come in the contract's order, each once", () => {
		const names = tools.map(({ name }) => name);
		expect(names).toEqual(ORDER.filter((name) => names.includes(name)));
		expect(new Set(names).size).toBe(names.length);
		expect(names.slice(0, 7)).toEqual(ORDER.slice(0, 7));
	});

	it("are listed in ASCII: with one other character the whole text takes twice the memory and a fifth longer to send", () => {
		const text = JSON.stringify(tools.map((tool) => tool.listing()));
		expect(text.match(/[^ -~]/g) ?? []).toEqual([]);
	});

	it("say nothing of the bounds of what a number can hold, which every model would read", () => {
		const text = JSON.stringify(tools.map((tool) => tool.listing()));
		expect(text).toInclude('"minimum":0');
		expect(text).not.toInclude(String(Number.MAX_SAFE_INTEGER));
	});

	it.each(tools.map((tool) => [tool.name, tool] as const))(
		"%s says what it does, what it takes and what it gives",
		(_, tool) => {
			const listing = tool.listing();
			expect(listing.title).toBeString();
			expect(listing.description?.length ?? 0).toBeGreaterThan(40);
			// One client cuts descriptions at 2 KB.
			expect(Buffer.byteLength(listing.description ?? "")).toBeLessThan(2048);
			for (const hint of [
				"readOnlyHint",
				"destructiveHint",
				"idempotentHint",
				"openWorldHint",
			])
				expect(listing.annotations).toHaveProperty(hint);
			const fields = [
				...fieldsOf(listing.inputSchema, "input"),
				...fieldsOf(listing.outputSchema, "output"),
			];
			expect(fields.length).toBeGreaterThan(1);
			const silent = fields.filter(
				([, field]) =>
					typeof field.description !== "string" || field.description === "",
			);
			expect(silent.map(([path]) => path)).toEqual([]);
			const untyped = fields.filter(
				([, field]) =>
					!["type", "enum", "const", "anyOf"].some((key) => key in field),
			);
			expect(untyped.map(([path]) => path)).toEqual([]);
		},
	);

	it.each([
		["process_create_group", { destructiveHint: false, openWorldHint: false }],
		["process_restart_service", { idempotentHint: false, openWorldHint: true }],
	])("%s has the annotations of what it does", (name, hints) => {
		const tool = tools.find((each) => each.name === name);
		expect(tool?.listing().annotations).toMatchObject(hints);
	});

	it.each(tools.map((tool) => [tool.name, tool] as const))(
		"%s has schemas whose roots every client takes",
		(_, tool) => {
			const { inputSchema, outputSchema } = tool.listing();
			for (const schema of [inputSchema, outputSchema]) {
				expect(schema?.type).toBe("object");
				for (const key of ["oneOf", "anyOf", "allOf", "not", "$ref"])
					expect(schema).not.toHaveProperty(key);
			}
		},
	);
});
