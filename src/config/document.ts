import {
	findNodeAtLocation,
	getNodeValue,
	type Node,
	type ParseError,
	parseTree,
	printParseErrorCode,
} from "jsonc-parser";

export type KeyPath = readonly (string | number)[];

/** A configuration's text, its values, and where each stands. */
export interface ConfigDocument {
	readonly value: unknown;
	/** The line (from 1) of a key or of its nearest enclosing one; undefined where there is none. */
	lineOf(path: KeyPath): number | undefined;
}

/** What is wrong with a text, and where. */
export class DocumentError extends Error {
	constructor(
		readonly line: number,
		message: string,
	) {
		super(message);
	}
}

/**
 * Parses JSON with comments and trailing commas.
 *
 * @throws DocumentError on text that is not JSON, and on a key given twice, of
 *   which JSON parsers keep one and drop the other without a word.
 */
export function parseDocument(text: string): ConfigDocument {
	const errors: ParseError[] = [];
	const source = text.startsWith("\uFEFF") ? text.slice(1) : text;
	const root = withinDepth(() =>
		parseTree(source, errors, { allowTrailingComma: true }),
	);
	const lineAt = (offset: number) => source.slice(0, offset).split("\n").length;
	const first = errors[0];
	if (first) {
		throw new DocumentError(
			lineAt(first.offset),
			`not valid JSON: ${words(printParseErrorCode(first.error))}`,
		);
	}
	if (!root) throw new DocumentError(1, "not valid JSON: it is empty");
	refuseAmbiguousKeys(root, lineAt);
	return {
		value: getNodeValue(root),
		lineOf(path) {
			for (let length = path.length; length > 0; length--) {
				const node = findNodeAtLocation(root, path.slice(0, length));
				if (!node) continue;
				const property = node.parent?.type === "property" && node.parent;
				return lineAt((property || node).offset);
			}
			return path.length === 0 ? lineAt(root.offset) : undefined;
		},
	};
}

/** The parser goes a call deeper with each bracket. */
function withinDepth<T>(parse: () => T): T {
	try {
		return parse();
	} catch (error) {
		if (!(error instanceof RangeError)) throw error;
		throw new DocumentError(
			1,
			"not valid JSON: its brackets are nested too deep",
		);
	}
}

function refuseAmbiguousKeys(node: Node, lineAt: (offset: number) => number) {
	const seen = new Set<string>();
	for (const child of node.children ?? []) {
		if (node.type === "object") {
			const key: unknown = child.children?.[0]?.value;
			const name = String(key);
			if (name === "__proto__")
				throw new DocumentError(lineAt(child.offset), "__proto__: unknown key");
			if (seen.has(name))
				throw new DocumentError(lineAt(child.offset), `${name}: given twice`);
			seen.add(name);
		}
		refuseAmbiguousKeys(child, lineAt);
	}
}

/** `InvalidSymbol` → `invalid symbol`. */
function words(code: string): string {
	return code
		.replace(/([A-Z])/g, " $1")
		.trim()
		.toLowerCase();
}

/** A key's place as a person writes it: `allowedExecutables[2].env`. */
export function formatPath(path: KeyPath): string {
	return path.reduce<string>(
		(text, part) =>
			typeof part === "number"
				? `${text}[${part}]`
				: text === ""
					? part
					: `${text}.${part}`,
		"",
	);
}
