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

/** A line of text in which nothing commands the terminal; an agent chooses some of it. */
export function forTerminal(line: string): string {
	return line.replace(/[\p{Cc}\p{Cf}]/gu, "\uFFFD");
}

/** What the user asked for. */
export type Command =
	| { readonly kind: "serve"; readonly config: string | undefined }
	| {
			readonly kind: "create-config";
			readonly path: string;
			readonly force: boolean;
	  }
	| { readonly kind: "check"; readonly config: string | undefined }
	| {
			readonly kind: "explain";
			readonly config: string | undefined;
			readonly cwd: string | undefined;
			readonly command: readonly [string, ...string[]];
	  }
	| {
			readonly kind: "audit";
			readonly action: "verify" | "tail";
			/** The log; without one, the configuration's. */
			readonly path: string | undefined;
			readonly config: string | undefined;
	  }
	| {
			readonly kind: "doctor";
			readonly config: string | undefined;
			/** In machine-readable form. */
			readonly json: boolean;
	  }
	| {
			readonly kind: "client";
			/** Without one, all are listed. */
			readonly name: string | undefined;
			readonly config: string | undefined;
			readonly write: boolean;
			readonly force: boolean;
	  }
	/** The server's own, under Windows; see `sendInterrupt`. */
	| { readonly kind: "interrupt"; readonly pids: readonly number[] }
	| { readonly kind: "schema" | "help" | "version" };

const DEFAULT_PATH = "./mcp-process-config.json";

const OPTIONS = {
	config: { type: "string" },
	cwd: { type: "string" },
	"create-config": { type: "boolean" },
	force: { type: "boolean" },
	json: { type: "boolean" },
	schema: { type: "boolean" },
	help: { type: "boolean", short: "h" },
	version: { type: "boolean", short: "V" },
	write: { type: "boolean" },
} as const;

type Flag = keyof typeof OPTIONS;

/** @throws CommandError (exit code 2) on anything that isn't understood */
export function parseCommand(argv: readonly string[]): Command {
	// How clients start the server. It need not wait for node:util, which takes 4 ms to load.
	const [flag, path, ...more] = argv;
	if (flag === undefined) return { kind: "serve", config: undefined };
	if (flag === "--config" && path && !path.startsWith("-") && !more.length)
		return { kind: "serve", config: path };
	// What stands behind -- belongs to the program that is asked about.
	const end = argv.indexOf("--");
	const behind = end < 0 ? undefined : argv.slice(end + 1);
	const asksOpenly = argv[0] === "explain" && end < 0;
	const { values, positionals } = parse(
		end < 0 ? argv : argv.slice(0, end),
		asksOpenly ? BEHIND : "",
	);
	const [name, ...rest] = positionals;
	const allow = (command: string, ...flags: Flag[]) => {
		const other = (Object.keys(values) as Flag[]).find(
			(flag) => !flags.includes(flag),
		);
		if (other !== undefined)
			throw new CommandError(`--${other} does not go with ${command}`, 2);
	};
	if (values.help) return { kind: "help" };
	if (values.version) return { kind: "version" };
	if (behind && name !== "explain")
		throw new CommandError("-- goes with explain only", 2);
	for (const flag of ["config", "cwd"] as const)
		if (values[flag] === "")
			throw new CommandError(`--${flag} needs a path`, 2);
	const { config, cwd } = values;
	if (values["create-config"]) {
		allow("--create-config", "create-config", "force");
		refuseMore(rest);
		return {
			kind: "create-config",
			path: name ?? DEFAULT_PATH,
			force: values.force ?? false,
		};
	}
	if (values.schema) {
		allow("--schema", "schema");
		refuseMore(positionals);
		return { kind: "schema" };
	}
	switch (name) {
		case undefined:
			allow("serving", "config");
			return { kind: "serve", config };
		case "check":
			allow("check", "config");
			refuseMore(rest);
			return { kind: "check", config };
		case "doctor":
			allow("doctor", "config", "json");
			refuseMore(rest);
			return { kind: "doctor", config, json: values.json ?? false };
		case "explain": {
			allow("explain", "config", "cwd");
			refuseMore(rest, BEHIND);
			const [executable, ...args] = behind ?? [];
			if (executable === undefined)
				throw new CommandError("explain needs -- EXECUTABLE [ARG...]", 2);
			return { kind: "explain", config, cwd, command: [executable, ...args] };
		}
		case "audit": {
			allow("audit", "config");
			const [action, path, ...more] = rest;
			refuseMore(more);
			if (action !== "verify" && action !== "tail")
				throw new CommandError("audit needs verify or tail", 2);
			if (path !== undefined && config !== undefined)
				throw new CommandError("audit takes PATH or --config, not both", 2);
			return { kind: "audit", action, path, config };
		}
		case "client": {
			allow("client", "config", "write", "force");
			const [client, ...more] = rest;
			refuseMore(more);
			const { write = false, force = false } = values;
			if (write && client === undefined)
				throw new CommandError("--write needs the name of a client", 2);
			if (force && !write)
				throw new CommandError("--force goes with --write only", 2);
			return { kind: "client", name: client, config, write, force };
		}
		case "interrupt": {
			allow("interrupt");
			const pids = rest.map(Number);
			if (!pids.every((pid) => Number.isSafeInteger(pid) && pid > 0))
				throw new CommandError("interrupt needs pids", 2);
			return { kind: "interrupt", pids };
		}
		default:
			throw new CommandError(`unknown command or argument: ${name}`, 2);
	}
}

/** What who forgot it has to know; the program's own flags are none of this one's. */
const BEHIND = "; the program stands behind --: explain -- git log -1";

function parse(argv: readonly string[], advice: string) {
	const { parseArgs } = process.getBuiltinModule("node:util");
	try {
		return parseArgs({
			args: [...argv],
			allowPositionals: true,
			options: OPTIONS,
		});
	} catch (error) {
		// The first sentence says which flag; the rest is advice to programmers.
		const message = error instanceof Error ? error.message : String(error);
		const first = message.split(/\.\s|\n/, 1)[0] ?? message;
		throw new CommandError(`${first}${advice}`, 2);
	}
}

function refuseMore(positionals: readonly string[], advice = ""): void {
	const [first] = positionals;
	if (first !== undefined)
		throw new CommandError(`unknown command or argument: ${first}${advice}`, 2);
}

export const HELP = `mcp-process: the process manager for AI agents, an MCP server over stdin/stdout

Usage:
  mcp-process [--config PATH]             serve until stdin ends or a signal comes
  mcp-process --create-config [PATH]      write a sample configuration
                                          (default ${DEFAULT_PATH}; --force overwrites)
  mcp-process check [--config PATH]       validate the configuration; print the
                                          effective policy and its risks
  mcp-process explain [--config PATH] [--cwd DIR] -- EXECUTABLE [ARG...]
                                          each layer's verdict on a launch; starts nothing
  mcp-process doctor [--config PATH] [--json]
                                          what is guaranteed on this machine, and
                                          by whom: the kernel, this server, nobody
  mcp-process audit verify [PATH | --config PATH]
                                          check the hash chain of an audit log
  mcp-process audit tail [PATH | --config PATH]
                                          print its last records readably
  mcp-process client                      list agents' clients and their files
  mcp-process client NAME [--config PATH] [--write] [--force]
                                          print what makes a client start this server;
                                          --write adds it to the client's file
  mcp-process --schema                    print the JSON Schema of the configuration
  mcp-process --help, -h                  print this
  mcp-process --version, -V               print version, commit, target, runtime

The configuration is the first of: --config, the file that MCP_PROCESS_CONFIG_PATH
names, the JSON in MCP_PROCESS_CONFIG, ./mcp-process-config.json and
./config/mcp-process.json. Without one, nothing may be started.
`;
