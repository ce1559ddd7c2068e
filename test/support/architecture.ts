import { posix } from "node:path";
import { codeOf, importsOf, lineAt } from "./source.ts";

/** Sources by their paths from the repository's root, with forward slashes. */
export type Sources = ReadonlyMap<string, string>;

/** The layers in the order in which they may be built upon: a later one may import earlier ones. */
const LAYERS = [
	["errors", /^src\/errors\.ts$/],
	["config", /^src\/config\//],
	["security", /^src\/security\//],
	["platform", /^src\/platform\//],
	["process", /^src\/process\//],
	["supervision", /^src\/supervision\//],
	["tools", /^src\/tools\//],
	[
		"server",
		/^src\/(?:server|greeting|passage|message|bad-params|transport|outbox|ids|requests)\.ts$/,
	],
	["cli", /^src\/cli\//],
	["main", /^src\/main\.ts$/],
] as const;

const LONGEST = 300;

/** What a source may hold only in certain files; the last part says why. */
const CONFINED: readonly {
	readonly what: RegExp;
	readonly where: RegExp;
	readonly rule: string;
}[] = [
	{
		what: /\bBun\s*\.\s*spawn(?:Sync)?\b|\bBun\s*\.\s*\$|\bimport\b[^;]*\b(?:spawn|spawnSync)\b[^;]*\bfrom\b/g,
		where: /^src\/process\/launcher\.ts$/,
		rule: "only src/process/launcher.ts starts processes",
	},
	{
		what: /\bconsole\s*\.\s*(?:log|info|debug|table|dir)\b/g,
		where: /^src\/(?:main\.ts$|cli\/)/,
		rule: "standard output carries the protocol alone",
	},
	{
		what: /\bprocess\s*\.\s*(?:exit|abort|reallyExit)\b|\bprocess\s*\.\s*exitCode\s*=/g,
		where: /^src\/main\.ts$/,
		rule: "only src/main.ts ends the process",
	},
	{
		what: /\bprocess\s*\.\s*(?:on|once|addListener|prependListener)\s*\(/g,
		where: /^src\/main\.ts$/,
		rule: "only src/main.ts takes signals",
	},
	{
		what: /[\w)\]]!(?!=)/g,
		where: /^$/,
		rule: "no non-null assertions",
	},
	{
		what: /(?:[:<|&,]|\bas)\s*any\b(?!\s*[:(.])/g,
		where: /^$/,
		rule: "no any",
	},
];

/** `process.stdout`, unless the file means a process of its own by that name. */
const OWN_STDOUT = /\bprocess\s*\.\s*stdout\b/g;
const OWN_PROCESS =
	/\b(?:const|let)\s+(?:\{[^}]*)?\bprocess\b|[({,]\s*(?:readonly\s+)?process\s*[,:})]/;

const MODULES: readonly {
	readonly what: RegExp;
	readonly where: RegExp;
	readonly rule: string;
}[] = [
	{
		what: /^@modelcontextprotocol\/sdk(?:\/|$)/,
		where:
			/^src\/(?:tools\/tool|server|greeting|passage|message|bad-params|transport|ids|requests)\.ts$/,
		rule: "only src/tools/tool.ts and what carries the protocol in src know the SDK",
	},
	{
		what: /^(?:node:)?(?:child_process|cluster)$/,
		where: /^src\/process\/launcher\.ts$/,
		rule: "only src/process/launcher.ts starts processes",
	},
];

function layerOf(path: string): number {
	return LAYERS.findIndex(([, pattern]) => pattern.test(path));
}

function layerName(path: string): string {
	return LAYERS[layerOf(path)]?.[0] ?? "no layer";
}

/** The file that a relative import names; undefined for a package. */
function target(path: string, specifier: string): string | undefined {
	return specifier.startsWith(".")
		? posix.join(posix.dirname(path), specifier)
		: undefined;
}

/** Everything in the sources that goes against the rules; each names file, line and import. */
export function violations(sources: Sources): string[] {
	const found: string[] = [];
	for (const [path, text] of sources) {
		if (lineCount(text) > LONGEST)
			found.push(`${path}: ${lineCount(text)} lines are over ${LONGEST}`);
		if (!path.startsWith("src/")) continue;
		if (layerOf(path) < 0) found.push(`${path}: belongs to no layer`);
		found.push(...importViolations(path, text), ...codeViolations(path, text));
	}
	return [...found, ...circles(sources)];
}

function lineCount(text: string): number {
	return text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
}

function importViolations(path: string, text: string): string[] {
	return importsOf(text).flatMap(({ specifier, line }) => {
		const at = `${path}:${line}: imports ${specifier}`;
		for (const { what, where, rule } of MODULES)
			if (what.test(specifier) && !where.test(path)) return [`${at}: ${rule}`];
		const file = target(path, specifier);
		if (file === undefined) return [];
		if (!file.startsWith("src/"))
			return file === "package.json" && path === "src/main.ts"
				? []
				: [`${at}: it lies outside src`];
		return layerOf(file) > layerOf(path)
			? [`${at}: ${layerName(path)} may not know ${layerName(file)}`]
			: [];
	});
}

function codeViolations(path: string, text: string): string[] {
	const code = codeOf(text);
	const confined = CONFINED.filter(({ where }) => !where.test(path)).flatMap(
		({ what, rule }) =>
			[...code.matchAll(what)].map(
				(match) =>
					`${path}:${lineAt(code, match.index)}: ${match[0].trim()}: ${rule}`,
			),
	);
	if (/^src\/(?:main\.ts$|cli\/)/.test(path) || OWN_PROCESS.test(code))
		return confined;
	const stdout = [...code.matchAll(OWN_STDOUT)].map(
		({ index }) =>
			`${path}:${lineAt(code, index)}: process.stdout: standard output carries the protocol alone`,
	);
	return [...confined, ...stdout];
}

/** Circular imports, each once, as the way around. */
function circles(sources: Sources): string[] {
	const found = new Map<string, string>();
	const done = new Set<string>();
	const visit = (path: string, way: readonly string[]) => {
		const seen = way.indexOf(path);
		if (seen >= 0) {
			const circle = way.slice(seen);
			found.set([...circle].sort().join(), [...circle, path].join(" -> "));
			return;
		}
		if (done.has(path)) return;
		for (const { specifier } of importsOf(sources.get(path) ?? "")) {
			const file = target(path, specifier);
			if (file !== undefined && sources.has(file)) visit(file, [...way, path]);
		}
		done.add(path);
	};
	for (const path of sources.keys())
		if (path.startsWith("src/")) visit(path, []);
	return [...found.values()].map((way) => `circular import: ${way}`);
}

/** What may lie at the top of the repository. */
const TOP_LEVEL = new Set([
	...["src", "test", "build.ts", "package.json", "tsconfig.json"],
	...["bunfig.toml", "biome.json", "bun.lock", "README.md", "LICENSE"],
	...["SECURITY.md", "CHANGELOG.md", "Dockerfile"],
	...[".gitignore", ".ci", ".github"],
]);

/** Paths, from the root, that lie in a folder or are a file which has no place at the top. */
export function strays(paths: readonly string[]): string[] {
	return paths.filter((path) => !TOP_LEVEL.has(path.split("/")[0] ?? ""));
}

/** Addresses in a lock file; which registry a machine asks is that machine's matter. */
export function addresses(lock: string): string[] {
	return lock.match(/https?:\/\/[^\s"']*/g) ?? [];
}
