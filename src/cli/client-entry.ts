import { findNodeAtLocation, type Node, parseTree } from "jsonc-parser";
import { DocumentError, parseDocument } from "../config/document.ts";
import { messageOf } from "../errors.ts";
import { isPlainObject } from "../message.ts";
import { type Format, SERVER_NAME } from "./clients.ts";

/** How a client is to start this server. */
export interface Entry {
	readonly command: string;
	readonly args: readonly string[];
}

/** What adding an entry to a client's text comes to. */
export type Addition =
	| { readonly kind: "present" }
	/** Another one has the name. */
	| { readonly kind: "taken" }
	| { readonly kind: "added"; readonly text: string };

/** A client's text that can't be added to; the message says why. */
export class EntryError extends Error {}

/** The text that holds an entry and nothing else, as a user would paste it. */
export function blockOf(entry: Entry, format: Format): string {
	if (format.kind === "toml") return tomlBlock(entry, format.key);
	const servers = { [SERVER_NAME]: fieldsOf(entry, format) };
	return `${JSON.stringify({ [format.key]: servers }, null, 2)}\n`;
}

/**
 * The command under which a client's text has the server; undefined where it has none.
 *
 * @throws EntryError on a text that the client could not read either
 */
export function commandIn(text: string, format: Format): unknown {
	const servers = parse(text, format)[format.key];
	const there = isPlainObject(servers) ? servers[SERVER_NAME] : undefined;
	return isPlainObject(there) ? (there.command ?? "") : there;
}

/**
 * Adds an entry to a client's text and leaves all the rest of it as it is,
 * comments included. With `replace` it takes the place of another one of the
 * name, of which it keeps what it does not set itself.
 *
 * @throws EntryError on a text that the client could not read either, and where
 *   there is no sure way to add to it
 */
export function addEntry(
	text: string,
	entry: Entry,
	format: Format,
	replace: boolean,
): Addition {
	const before = parse(text, format);
	const servers = before[format.key] ?? {};
	if (!isPlainObject(servers))
		throw new EntryError(`${format.key} is not a table of servers`);
	const there = Object.hasOwn(servers, SERVER_NAME)
		? servers[SERVER_NAME]
		: undefined;
	const kept = isPlainObject(there) && "command" in there ? there : {};
	const wanted = { ...kept, ...fieldsOf(entry, format) };
	if (Bun.deepEquals(there, wanted, true)) return { kind: "present" };
	if (there !== undefined && !replace) return { kind: "taken" };
	const added =
		format.kind === "json"
			? addToJson(text, format.key, wanted)
			: addToToml(text, entry, format.key, there !== undefined);
	const after = { ...servers, [SERVER_NAME]: wanted };
	const expected = { ...before, [format.key]: after };
	if (!Bun.deepEquals(parse(added, format), expected, true))
		throw new EntryError(
			"it is written in a way that can't be added to surely; add the entry by hand",
		);
	return { kind: "added", text: added };
}

type Table = Readonly<Record<string, unknown>>;

function fieldsOf({ command, args }: Entry, format: Format): Table {
	const typed = format.kind === "json" && format.typed;
	return { ...(typed && { type: "stdio" }), command, args: [...args] };
}

function parse(text: string, format: Format): Table {
	if (text.replace("\uFEFF", "").trim() === "") return {};
	const value = format.kind === "json" ? parseJson(text) : parseToml(text);
	if (!isPlainObject(value))
		throw new EntryError("it holds no settings by name");
	return value;
}

function parseJson(text: string): unknown {
	try {
		// Plain objects, as those that they are compared with.
		return JSON.parse(JSON.stringify(parseDocument(text).value));
	} catch (error) {
		if (!(error instanceof DocumentError)) throw error;
		throw new EntryError(`line ${error.line}: ${error.message}`);
	}
}

function parseToml(text: string): unknown {
	try {
		return Bun.TOML.parse(text);
	} catch (error) {
		throw new EntryError(`not valid TOML: ${messageOf(error)}`);
	}
}

/** Touches nothing but the entry: an editor's formatting would move what is beside it. */
function addToJson(text: string, key: string, value: Table): string {
	const mark = text.startsWith("\uFEFF") ? "\uFEFF" : "";
	const given = text.slice(mark.length);
	const source = given.trim() === "" ? "{}\n" : given;
	const root = parseTree(source, [], { allowTrailingComma: true });
	if (root === undefined) return text;
	const indent = /^([ \t]+)["}]/m.exec(source)?.[1] ?? "  ";
	const eol = endOfLine(source);
	const pretty = (each: unknown, depth: number) =>
		JSON.stringify(each, null, indent).replaceAll(
			"\n",
			eol + indent.repeat(depth),
		);
	const old = findNodeAtLocation(root, [key, SERVER_NAME]);
	if (old) {
		const end = old.offset + old.length;
		const entry = pretty(value, 2);
		return mark + source.slice(0, old.offset) + entry + source.slice(end);
	}
	const servers = findNodeAtLocation(root, [key]);
	const property = servers
		? `"${SERVER_NAME}": ${pretty(value, 2)}`
		: `"${key}": ${pretty({ [SERVER_NAME]: value }, 1)}`;
	const start = eol + indent.repeat(servers ? 2 : 1);
	const close = eol + indent.repeat(servers ? 1 : 0);
	return mark + append(source, servers ?? root, start + property, close);
}

/** Puts a property at the end of an object, behind what is said of the last one on its line. */
function append(
	source: string,
	{ offset, length, children }: Node,
	property: string,
	close: string,
): string {
	const last = children?.at(-1);
	if (last === undefined) {
		const brace = offset + length - 1;
		const before = source.slice(0, brace).trimEnd();
		return before + property + close + source.slice(brace);
	}
	const end = last.offset + last.length;
	const [whole = "", comma = "", comment = ""] =
		/^(,?)([ \t]*(?:\/\/[^\r\n]*|\/\*[^\r\n]*?\*\/))?/.exec(
			source.slice(end),
		) ?? [];
	const rest = source.slice(end + whole.length);
	return `${source.slice(0, end)},${comment}${property}${comma}${rest}`;
}

function endOfLine(text: string): string {
	return text.includes("\r\n") ? "\r\n" : "\n";
}

function addToToml(
	text: string,
	entry: Entry,
	key: string,
	replace: boolean,
): string {
	const eol = endOfLine(text);
	if (replace) return replaceInToml(text, entry, key, eol);
	const separator = text === "" ? "" : text.endsWith("\n") ? eol : eol + eol;
	const block = tomlBlock(entry, key).replaceAll("\n", eol);
	return text + separator + block;
}

/** Replaces the two settings in their table; what else stands in it stays. */
function replaceInToml(
	text: string,
	entry: Entry,
	key: string,
	eol: string,
): string {
	const name = `(?:${SERVER_NAME}|"${SERVER_NAME}"|'${SERVER_NAME}')`;
	const header = new RegExp(`^\\s*\\[\\s*${key}\\s*\\.\\s*${name}\\s*\\]`);
	const lines = text.split(/\r?\n/);
	const start = lines.findIndex((line) => header.test(line));
	if (start < 0) return text;
	const after = lines.findIndex(
		(line, at) => at > start && /^\s*\[\[?\s*[\w"'.\s-]+\]/.test(line),
	);
	const end = after < 0 ? lines.length : after;
	const rest: string[] = [];
	let dropping = false;
	for (const line of lines.slice(start + 1, end)) {
		if (/^\s*(?:command|args)\s*=/.test(line)) dropping = true;
		else if (/^\s*(?:[\w-]+\s*=|#|$)/.test(line)) dropping = false;
		if (!dropping) rest.push(line);
	}
	return [
		...lines.slice(0, start + 1),
		...settings(entry),
		...rest,
		...lines.slice(end),
	].join(eol);
}

function tomlBlock(entry: Entry, key: string): string {
	return [`[${key}.${SERVER_NAME}]`, ...settings(entry), ""].join("\n");
}

function settings({ command, args }: Entry): string[] {
	const list = args.map(tomlString).join(", ");
	return [`command = ${tomlString(command)}`, `args = [${list}]`];
}

/** A basic string, whose escapes are JSON's, and DEL's besides (TOML 1.0). */
function tomlString(text: string): string {
	return JSON.stringify(text).replaceAll("\x7F", "\\u007F");
}
