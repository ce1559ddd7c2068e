/** The tables of README.md, whose one source is the code. */
import { z } from "zod";
import { withoutNumberBounds } from "../../src/config/json-schema.ts";
import { sections } from "../../src/config/sections.ts";
import { tools } from "../../src/tools/index.ts";

/** README.md's text with its tables as the code has them now. */
export function withTables(readme: string): string {
	return insert(
		insert(readme, "configuration", configurationTables()),
		"tools",
		toolTables(),
	);
}

function insert(text: string, name: string, content: string): string {
	const marker = new RegExp(
		`(<!-- ${name}: [^>]*-->\n)[\\s\\S]*?(<!-- end of ${name} -->)`,
	);
	if (!marker.test(text)) throw new Error(`README.md has no ${name} section`);
	return text.replace(
		marker,
		(_, start, end) => `${start}\n${content}\n${end}`,
	);
}

interface Property {
	readonly type?: string | string[];
	readonly description?: string;
	readonly default?: unknown;
	readonly enum?: readonly unknown[];
	readonly const?: unknown;
	readonly anyOf?: readonly Property[];
	readonly items?: Property;
	readonly properties?: Readonly<Record<string, Property>>;
	readonly required?: readonly string[];
	readonly minimum?: number;
	readonly exclusiveMinimum?: number;
	readonly maximum?: number;
}

function configurationTables(): string {
	return Object.entries(sections)
		.map(([theme, shape]) => {
			const { properties = {} } = z.toJSONSchema(z.object(shape), {
				io: "input",
				override: withoutNumberBounds,
			}) as Property;
			const rows = Object.entries(properties).map(
				([name, property]) =>
					`| \`${name}\` | ${defaultOf(property)} | ${cell(`${property.description ?? ""}${leastOf(property)}`)} |`,
			);
			return [
				`**${theme}**\n`,
				"| setting | default | what it does |",
				"| --- | --- | --- |",
				...rows,
				"",
			].join("\n");
		})
		.join("\n");
}

function defaultOf(property: Property): string {
	return property.default === undefined
		? "unset"
		: `\`${JSON.stringify(property.default)}\``;
}

function toolTables(): string {
	return tools
		.map((tool) => {
			const { name, description, inputSchema, outputSchema } = tool.listing();
			const rows = inputRows(inputSchema as Property);
			const results = Object.keys(
				(outputSchema as Property).properties ?? {},
			).filter((field) => field !== "status");
			return [
				`#### \`${name}\`\n`,
				`${description}\n`,
				...(rows.length > 0
					? [
							"| input | type | default | what it is |",
							"| --- | --- | --- | --- |",
							...rows,
							"",
						]
					: []),
				`Result: ${results.map((field) => `\`${field}\``).join(", ")}.`,
				"",
			].join("\n");
		})
		.join("\n");
}

/** A row for each input, and for each part of one. */
function inputRows(input: Property, prefix = ""): string[] {
	const required = input.required ?? [];
	return Object.entries(input.properties ?? {}).flatMap(([field, property]) => [
		`| \`${prefix}${field}\`${required.includes(field) ? " (required)" : ""} | ${typeOf(property)} | ${property.default === undefined ? "" : defaultOf(property)} | ${cell(property.description ?? "")} |`,
		...inputRows(property, `${prefix}${field}.`),
	]);
}

function typeOf(property: Property): string {
	const { type, enum: values, items, anyOf } = property;
	if (anyOf) return anyOf.map(typeOf).join(" or ");
	if (values) return values.map((value) => `\`${String(value)}\``).join(", ");
	if (type === "array" && items) return `list of ${typeOf(items)}s`;
	const types = [type ?? "any"].flat().join(" or ");
	return [types, rangeOf(property)].filter(Boolean).join(", ");
}

/** What a number has to be, in words; empty where that is any. */
function rangeOf({ minimum, exclusiveMinimum, maximum }: Property): string {
	if (minimum !== undefined && maximum !== undefined)
		return `${minimum} to ${maximum}`;
	return [
		...(minimum !== undefined ? [`at least ${minimum}`] : []),
		...(exclusiveMinimum !== undefined ? [`above ${exclusiveMinimum}`] : []),
		...(maximum !== undefined ? [`at most ${maximum}`] : []),
	].join(", ");
}

/** The least that a setting can be, where it does not go without saying. */
function leastOf({ minimum = 0 }: Property): string {
	return minimum > 1 ? ` At least ${minimum}.` : "";
}

/** Text that doesn't end its cell. */
function cell(text: string): string {
	return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
