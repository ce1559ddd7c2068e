import { parseArgs } from "node:util";
import { BINARY } from "../support/server.ts";

export interface Options {
	readonly help: boolean;
	readonly json: boolean;
	readonly quick: boolean;
	/** Parts of names; all measures where there are none. */
	readonly only: readonly string[];
	/** The server's command. */
	readonly command: readonly string[];
}

/** The command line can't be understood. */
export class UsageError extends Error {}

/** @throws UsageError */
export function parseOptions(argv: readonly string[]): Options {
	const { help, json, quick, only, server } = parse(argv);
	const command = server === undefined ? [BINARY] : words(server);
	return {
		help: help === true,
		json: json === true,
		quick: quick === true,
		only: only ?? [],
		command,
	};
}

function parse(argv: readonly string[]) {
	try {
		return parseArgs({
			args: [...argv],
			options: {
				help: { type: "boolean", short: "h" },
				json: { type: "boolean" },
				quick: { type: "boolean" },
				only: { type: "string", multiple: true },
				server: { type: "string" },
			},
		}).values;
	} catch (error) {
		throw new UsageError(error instanceof Error ? error.message : `${error}`);
	}
}

/** At spaces, but for those in quotes; no shell reads it. */
export function words(text: string): string[] {
	const found = text.matchAll(/(?:[^\s"']|"[^"]*"|'[^']*')+/g);
	const split = [...found].map(([word]) =>
		word.replace(/"([^"]*)"|'([^']*)'/g, "$1$2"),
	);
	if (split.length === 0) throw new UsageError("--server: no command");
	return split;
}

/** @throws UsageError where a part is in no name */
export function chosen<T extends { readonly name: string }>(
	measures: readonly T[],
	only: readonly string[],
): readonly T[] {
	for (const part of only)
		if (!measures.some(({ name }) => name.includes(part))) {
			const names = measures.map(({ name }) => name).join(", ");
			throw new UsageError(
				`--only ${part}: no such measure; there are ${names}`,
			);
		}
	if (only.length === 0) return measures;
	return measures.filter(({ name }) =>
		only.some((part) => name.includes(part)),
	);
}

export function helpText(
	measures: readonly { readonly name: string; readonly title: string }[],
): string {
	const width = Math.max(...measures.map(({ name }) => name.length));
	const names = measures.map(
		({ name, title }) => `  ${name.padEnd(width)}  ${title}`,
	);
	return `Measures the compiled program over stdio, beside a bare program with Bun.spawn and one
with node's child_process that do the same work in turns with it.

  bun run bench [--only NAME]… [--server "COMMAND"] [--quick] [--json]

  --only NAME         only measures whose name holds NAME; may be given several times
  --server "COMMAND"  another MCP server that has the same tools, started by this command;
                      what it can't do is shown as such
  --quick             a tenth of the runs and sizes: whether it works, not how fast it is
  --json              the results as JSON, figures in the unit that each names
  --help, -h          this text

Exit codes: 0 measured, targets met or not; 1 the server can't be measured, or a measure failed;
2 not understood. The server gets its configuration by MCP_PROCESS_CONFIG; audit log and gate are on.

Measures:
${names.join("\n")}
`;
}
