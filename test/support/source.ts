/** An import of a source file: what it names, as it is written there. */
export interface Import {
	readonly specifier: string;
	readonly line: number;
}

const STRING = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/;
const TEMPLATE = /`(?:\\[\s\S]|[^`\\])*`/;
const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?\*\//;
/** A slash where an expression can begin. */
const REGEX =
	/(?<=(?:^|[(,=:[!&|?{};\n]|=>|\breturn)\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/;

const TOKEN = new RegExp(
	[COMMENT, STRING, TEMPLATE, REGEX].map(({ source }) => source).join("|"),
	"g",
);

/** The same number of lines, with nothing on them. */
function blank(text: string): string {
	return text.replace(/[^\n]/g, " ");
}

/** A source without its comments; lines stay where they are. */
export function withoutComments(source: string): string {
	return source.replace(TOKEN, (token) =>
		/^\/[/*]/.test(token) ? blank(token) : token,
	);
}

/** A source without comments and without what its strings, templates and patterns hold. */
export function codeOf(source: string): string {
	return source.replace(TOKEN, (token) =>
		/^["'`]/.test(token)
			? `${token[0]}${blank(token.slice(1, -1))}${token[0]}`
			: blank(token),
	);
}

const QUOTED = /["'`]([^"'`\n]+)["'`]/.source;
const IMPORTS = [
	// import … from, export … from
	/^[ \t]*(?:import|export)\b[^;"'`]*?\bfrom\s*/,
	// import "…" for its effects
	/^[ \t]*import\s*(?=["'])/,
	// import("…"), require("…")
	/\b(?:import|require)\s*\(\s*/,
].map(({ source }) => new RegExp(source + QUOTED, "gm"));

/** Every import, re-export and dynamic import, those of types too. */
export function importsOf(source: string): Import[] {
	const text = withoutComments(source);
	return IMPORTS.flatMap((pattern) =>
		[...text.matchAll(pattern)].map((match) => ({
			specifier: match[1] ?? "",
			line: lineAt(text, match.index + match[0].length),
		})),
	);
}

/** The line, from 1, of an offset. */
export function lineAt(text: string, offset: number): number {
	return text.slice(0, offset).split("\n").length;
}
