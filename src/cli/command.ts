import { parseArgs } from "node:util";

/** A command that can't be carried out; the message is for the user, on one line. */
export class CommandError extends Error {
	constructor(
		message: string,
		/** 1: it failed. 2: it was not understood. */
		readonly exitCode: 1 | 2,
	) {
		super(message);
	}
}

/** What the user asked for. */
export type Command =
	| { readonly kind: "serve"; readonly config: string | undefined }
	| {
			readonly kind: "create-config";
			readonly path: string;
			readonly force: boolean;
	  }
	| { readonly kind: "schema" | "help" | "version" };

const DEFAULT_PATH = "./mcp-process-config.json";

/** @throws CommandError (exit code 2) on anything that isn't understood */
export function parseCommand(argv: readonly string[]): Command {
	const { values, positionals } = parse(argv);
	if (values.help) return { kind: "help" };
	if (values.version) return { kind: "version" };
	if (values["create-config"]) {
		const [path = DEFAULT_PATH, ...more] = positionals;
		refuseMore(more);
		refuseWith(values.config !== undefined, "--config", "--create-config");
		refuseWith(values.schema, "--schema", "--create-config");
		return { kind: "create-config", path, force: values.force ?? false };
	}
	refuseMore(positionals);
	if (values.force)
		throw new CommandError("--force goes with --create-config", 2);
	if (values.schema) {
		refuseWith(values.config !== undefined, "--config", "--schema");
		return { kind: "schema" };
	}
	if (values.config === "") throw new CommandError("--config needs a path", 2);
	return { kind: "serve", config: values.config };
}

function parse(argv: readonly string[]) {
	try {
		return parseArgs({
			args: [...argv],
			allowPositionals: true,
			options: {
				config: { type: "string" },
				"create-config": { type: "boolean" },
				force: { type: "boolean" },
				schema: { type: "boolean" },
				help: { type: "boolean", short: "h" },
				version: { type: "boolean", short: "V" },
			},
		});
	} catch (error) {
		// The first sentence says which flag; the rest is advice to programmers.
		const message = error instanceof Error ? error.message : String(error);
		throw new CommandError(message.split(/[.\n] ?/, 1)[0] ?? message, 2);
	}
}

function refuseMore(positionals: readonly string[]): void {
	const [first] = positionals;
	if (first !== undefined)
		throw new CommandError(`unknown command or argument: ${first}`, 2);
}

function refuseWith(given: boolean | undefined, one: string, other: string) {
	if (given) throw new CommandError(`${one} does not go with ${other}`, 2);
}

export const HELP = `mcp-process: the process manager for AI agents, an MCP server over stdin/stdout

Usage:
  mcp-process [--config PATH]             serve until stdin ends or a signal comes
  mcp-process --create-config [PATH]      write a sample configuration
                                          (default ${DEFAULT_PATH}; --force overwrites)
  mcp-process --schema                    print the JSON Schema of the configuration
  mcp-process --help, -h                  print this
  mcp-process --version, -V               print the version

The configuration is the first of: --config, the file that MCP_PROCESS_CONFIG_PATH
names, the JSON in MCP_PROCESS_CONFIG, ./mcp-process-config.json and
./config/mcp-process.json. Without one, nothing may be started.
`;
