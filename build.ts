/**
 * Makes everything that is made: the program (`bun build.ts`), and the tables of
 * README.md (`bun build.ts --docs`), whose one source is the code.
 */
import { mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { sections } from "./src/config/sections.ts";
import { tools } from "./src/tools/index.ts";

const ROOT = import.meta.dir;
const DIST = join(ROOT, "dist");
const README = join(ROOT, "README.md");

/** The machines that the program can be compiled for, by the names that `--target` takes. */
const TARGETS = {
	"windows-x64": { runtime: "bun-windows-x64", extension: ".exe" },
} as const satisfies Record<
	string,
	{ readonly runtime: Bun.Build.CompileTarget; readonly extension: string }
>;

type Target = keyof typeof TARGETS;

/** Compiles the program, for this machine unless a target is given; returns its path. */
async function compile(target?: Target): Promise<string> {
	const outfile =
		target === undefined
			? join(DIST, `mcp-process${process.platform === "win32" ? ".exe" : ""}`)
			: join(DIST, `mcp-process-${target}${TARGETS[target].extension}`);
	await mkdir(dirname(outfile), { recursive: true });
	await rm(outfile, { force: true });
	const result = await Bun.build({
		entrypoints: [join(ROOT, "src", "main.ts")],
		target: "bun",
		format: "esm",
		minify: true,
		bytecode: true,
		compile: {
			outfile,
			...(target !== undefined && { target: TARGETS[target].runtime }),
			// The current directory is the agent's: nothing in it may change this program.
			autoloadDotenv: false,
			autoloadBunfig: false,
			autoloadTsconfig: false,
			autoloadPackageJson: false,
			execArgv: [
				// Also stops BUN_OPTIONS=--preload.
				"--disallow-code-generation-from-strings=strict",
				// Direct children die with the server, also when it is killed.
				"--no-orphans",
			],
		},
	});
	for (const log of result.logs) console.error(log);
	if (!result.success) process.exit(1);
	return outfile;
}

/** The target that the command line names; undefined where it names none. */
function targetOf(argv: readonly string[]): Target | undefined {
	const at = argv.indexOf("--target");
	if (at < 0) return undefined;
	const known = Object.keys(TARGETS).filter(
		(name): name is Target => name in TARGETS,
	);
	const target = known.find((name) => name === argv[at + 1]);
	if (target !== undefined) return target;
	console.error(`--target takes one of: ${known.join(", ")}`);
	process.exit(2);
}

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
}

function configurationTables(): string {
	return Object.entries(sections)
		.map(([theme, shape]) => {
			const { properties = {} } = z.toJSONSchema(z.object(shape), {
				io: "input",
			}) as Property;
			const rows = Object.entries(properties).map(
				([name, property]) =>
					`| \`${name}\` | ${defaultOf(property)} | ${cell(property.description ?? "")} |`,
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
			const input = inputSchema as Property;
			const required = input.required ?? [];
			const rows = Object.entries(input.properties ?? {}).map(
				([field, property]) =>
					`| \`${field}\`${required.includes(field) ? " (required)" : ""} | ${typeOf(property)} | ${property.default === undefined ? "" : defaultOf(property)} | ${cell(property.description ?? "")} |`,
			);
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

function typeOf({ type, enum: values, items }: Property): string {
	if (values) return values.map((value) => `\`${String(value)}\``).join(", ");
	if (type === "array" && items) return `list of ${typeOf(items)}s`;
	return String(type ?? "any");
}

/** Text that doesn't end its cell. */
function cell(text: string): string {
	return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

if (import.meta.main) {
	if (process.argv.includes("--docs")) {
		await Bun.write(README, withTables(await Bun.file(README).text()));
		console.log(`Wrote the tables of ${README}`);
	} else {
		console.log(`Built ${await compile(targetOf(process.argv.slice(2)))}`);
	}
}
