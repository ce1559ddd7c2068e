import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { z } from "zod";
import { ProcessError } from "../../src/errors.ts";
import {
	defineTool,
	type ToolKind,
	unknownTool,
} from "../../src/tools/tool.ts";
import { callTool, replyOf } from "../support/call.ts";
import { Table } from "../support/table.ts";

let table: Table;
beforeAll(async () => {
	table = await Table.open();
});
afterAll(() => table[Symbol.asyncDispose]());

function toolOf(
	run: (input: { count: number }) => { sum: number },
	kind: ToolKind = "reads",
) {
	return defineTool({
		name: "count",
		title: "Count",
		description: "Counts.",
		kind,
		input: z.strictObject({
			count: z.number().int().min(1).describe("How many."),
			label: z.string().default("none").describe("A label."),
		}),
		output: z.object({ sum: z.number().describe("The sum.") }),
		run,
	});
}

const counts = toolOf(({ count }) => ({ sum: count + 1 }));
const call = (tool: typeof counts, input: unknown) =>
	callTool(tool, input, table.manager);

describe("a success", () => {
	it("says the same as text and as structure, with its status", async () => {
		const expected = { status: "success", sum: 3 };
		expect(await call(counts, { count: 2 })).toEqual({
			isError: false,
			body: expected,
			structured: expected,
		});
	});

	it("fills in what the input leaves out", async () => {
		let seen: unknown;
		const tool = toolOf((input) => {
			seen = input;
			return { sum: 0 };
		});
		await call(tool, { count: 1 });
		expect(seen).toEqual({ count: 1, label: "none" });
	});

	it("has no field that the output schema lacks, as clients reject that", async () => {
		const tool = toolOf(() => {
			const result = { sum: 1, secret: "not announced" };
			return result;
		});
		const { structured, body } = await call(tool, { count: 1 });
		expect(structured).toEqual({ status: "success", sum: 1 });
		expect(body).toEqual({ status: "success", sum: 1 });
	});
});

describe("a failure", () => {
	it.each([
		["a missing field", {}, "count"],
		["no input", undefined, "count"],
		["null", null, "count"],
		["a wrong type", { count: "two" }, "count"],
		["a number out of range", { count: 0 }, "count"],
		["a fraction", { count: 1.5 }, "count"],
		["an unknown field", { count: 1, lable: "x" }, "lable"],
	])("about %s names the field", async (_, input, field) => {
		const { isError, body, structured } = await call(counts, input);
		expect(isError).toBe(true);
		expect(structured).toBeUndefined();
		expect(body).toMatchObject({ status: "error", code: "INVALID_ARGUMENT" });
		expect(String(body.message)).toContain(field);
		expect(String(body.remediation)).not.toBe("");
		expect(new Date(String(body.timestamp)).getTime()).toBeGreaterThan(0);
	});

	it.each([[[]], ["text"], [7], [true]])(
		"about an input that is no object (%j) says so",
		async (input) => {
			const { body } = await call(counts, input);
			expect(body).toMatchObject({ code: "INVALID_ARGUMENT" });
			expect(String(body.message)).toMatch(/object/i);
		},
	);

	it("names the known field that an unknown one may have meant", async () => {
		const { body } = await call(counts, { count: 1, lable: "x" });
		expect(String(body.message)).toContain("label");
	});

	it("names every field that is wrong", async () => {
		const { body } = await call(counts, { count: "x", label: 7 });
		expect(String(body.message)).toContain("count");
		expect(String(body.message)).toContain("label");
	});

	it("carries what a tool throws", async () => {
		const tool = toolOf(() => {
			throw new ProcessError("PROCESS_NOT_FOUND", "gone", "look", { pid: 5 });
		});
		const { isError, body, structured } = await call(tool, { count: 1 });
		expect({ isError, structured }).toEqual({
			isError: true,
			structured: undefined,
		});
		expect(body).toEqual({
			status: "error",
			code: "PROCESS_NOT_FOUND",
			message: "gone",
			remediation: "look",
			details: { pid: 5 },
			timestamp: expect.any(String),
		});
	});

	it.each([
		["an error", new Error("broken\n  inside")],
		["a text", "broken inside"],
	])("tells of %s that nobody foresaw, on one line", async (_, thrown) => {
		const tool = toolOf(() => {
			throw thrown;
		});
		const { isError, body } = await call(tool, { count: 1 });
		expect(isError).toBe(true);
		expect(body).toMatchObject({
			code: "INTERNAL_ERROR",
			message: "Internal error: broken inside",
		});
	});

	it("comes of a result that is not what the schema says", async () => {
		const tool = toolOf(() => ({ sum: Number.NaN }));
		const { isError, body } = await call(tool, { count: 1 });
		expect(isError).toBe(true);
		expect(body).toMatchObject({ code: "INTERNAL_ERROR" });
	});

	it("about an unknown tool names the known ones", () => {
		const { isError, body } = replyOf(unknownTool("proces_start", ["a", "b"]));
		expect(isError).toBe(true);
		expect(body).toMatchObject({
			code: "UNKNOWN_TOOL",
			remediation: "Use one of: a, b.",
		});
		expect(String(body.message)).toContain("proces_start");
	});
});

describe("a listing", () => {
	it("has plain objects at the roots of its schemas", () => {
		const { inputSchema, outputSchema } = counts.listing();
		expect(inputSchema).toMatchObject({
			type: "object",
			additionalProperties: false,
			required: ["count"],
		});
		expect(outputSchema).toMatchObject({
			type: "object",
			required: expect.arrayContaining(["status", "sum"]),
		});
		expect(inputSchema).not.toHaveProperty("$schema");
	});

	it.each([
		["reads", true, false],
		["notes", false, false],
		["starts", false, true],
		["feeds", false, true],
		["ends", false, true],
	] as const)(
		"of a tool that %s has the annotations that follow",
		(kind, readOnly, destructive) => {
			const { annotations } = toolOf(() => ({ sum: 0 }), kind).listing();
			expect(annotations).toMatchObject({
				title: "Count",
				readOnlyHint: readOnly,
				destructiveHint: destructive,
				idempotentHint: expect.any(Boolean),
				openWorldHint: expect.any(Boolean),
			});
		},
	);
});
