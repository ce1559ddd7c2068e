import { resolve } from "node:path";
import { loadConfig } from "../config/load.ts";
import { messageOf } from "../errors.ts";
import { isCompiled } from "../security/self.ts";
import {
	type Addition,
	addEntry,
	blockOf,
	commandIn,
	type Entry,
	EntryError,
} from "./client-entry.ts";
import { type Client, clientsHere } from "./clients.ts";
import { CommandError } from "./command.ts";
import { readTextFile, replaceTextFile } from "./replace-file.ts";
import { build } from "./version.ts";

/** What is told on standard output, and beside it. */
export interface Told {
	readonly text: string;
	readonly hint: string;
}

/**
 * Shows, or writes, what makes an agent's client start this server; without a
 * name, lists the clients.
 *
 * @throws CommandError where the client's file can't be used; it is then left as it is
 * @throws ConfigError where the configuration can't be used
 */
export function client(options: {
	readonly name: string | undefined;
	readonly config: string | undefined;
	readonly write: boolean;
	readonly force: boolean;
	readonly version: string;
}): Told {
	const entry = entryFor(options.config, options.version);
	const clients = clientsHere();
	if (options.name === undefined)
		return { text: listing(clients, entry), hint: "" };
	const found = clients.find(({ name }) => name === options.name);
	if (found === undefined) {
		const names = clients.map(({ name }) => name).join(", ");
		throw new CommandError(
			`unknown client: ${options.name}; one of: ${names}`,
			2,
		);
	}
	const hint = options.config === undefined ? NO_CONFIG : "";
	if (options.write) return { text: write(found, entry, options.force), hint };
	return {
		text: blockOf(entry, found.format),
		hint: `${hint}For ${found.title}, in ${found.path}; --write adds it there.\n`,
	};
}

const NO_CONFIG =
	"Without --config PATH the server finds no configuration where a client starts it, and starts nothing.\n";

/** How this very program is started, by full paths: clients have a PATH of their own. */
function entryFor(config: string | undefined, version: string): Entry {
	const args: string[] = [];
	if (config !== undefined) {
		const path = resolve(config);
		loadConfig({ path, env: {}, cwd: "/" });
		args.push("--config", path);
	}
	if (isCompiled()) return { command: process.execPath, args };
	const program =
		build.target === "npm" ? ["x", `mcp-process@${version}`] : [Bun.main];
	return { command: process.execPath, args: [...program, ...args] };
}

function listing(clients: readonly Client[], entry: Entry): string {
	const rows = clients.map((each) => [
		each.name.padEnd(15),
		stateOf(each, entry).padEnd(16),
		each.path,
	]);
	return `${rows.map((row) => row.join(" ")).join("\n")}\n`;
}

function stateOf({ path, format }: Client, entry: Entry): string {
	try {
		const { stats, text } = readTextFile(path);
		if (stats === undefined) return "no file";
		const command = commandIn(text, format);
		if (command === undefined) return "not added";
		return command === entry.command ? "added" : "has another one";
	} catch {
		return "unreadable";
	}
}

function write(found: Client, entry: Entry, force: boolean): string {
	const { path, format, title } = found;
	const failed = (error: unknown) =>
		new CommandError(`${path} is left as it is: ${messageOf(error)}`, 1);
	try {
		const file = readTextFile(path);
		const addition: Addition = addEntry(file.text, entry, format, force);
		switch (addition.kind) {
			case "present":
				return `${path} has it already.\n`;
			case "taken":
				throw new EntryError(
					"it has an entry of that name with another command or other arguments; --force replaces it",
				);
			case "added": {
				const backup = replaceTextFile(file, addition.text);
				const kept = backup === undefined ? "" : `Its old text: ${backup}\n`;
				return `Added to ${path}\n${kept}Restart ${title}.\n`;
			}
		}
	} catch (error) {
		throw failed(error);
	}
}
