/**
 * Measures the compiled program over stdio, beside bare programs that do the same
 * work in turns with it. Machines differ and are noisy: the ratios are what to
 * compare. `--help` tells the rest.
 */
import { cpus } from "node:os";
import { Scratch } from "../support/server.ts";
import { closeAll, isClosing } from "./children.ts";
import { measures } from "./measures/index.ts";
import {
	chosen,
	helpText,
	type Options,
	parseOptions,
	UsageError,
} from "./options.ts";
import { NODE, startPeers } from "./peers.ts";
import { type Result, take } from "./run.ts";
import { serverEnvironment } from "./server.ts";
import { Session } from "./session.ts";
import { Table } from "./table.ts";

/** As a shell has it for a program that a signal ended. */
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"] as const)
	process.once(signal, async () => {
		await closeAll();
		process.exit(EXIT_CODES[signal]);
	});

const QUICK =
	"With --quick, a tenth of the runs and sizes that the names say: no figures to quote.";

async function main(argv: readonly string[]): Promise<number> {
	const options = parseOptions(argv);
	if (options.help) {
		process.stdout.write(helpText(measures));
		return 0;
	}
	const wanted = chosen(measures, options.only);
	await requireServer(options.command);
	const { json } = options;
	const table = new Table(wanted);
	if (!json) console.log(table.head());
	const peers = startPeers();
	const results: Result[] = [];
	for (const measure of wanted) {
		const result = await take(measure, { ...options, peers });
		if (isClosing()) return 1;
		results.push(result);
		if (!json) console.log(table.row(result));
	}
	if (!json && options.quick) console.log(QUICK);
	if (json) console.log(JSON.stringify(report(options, results), null, 2));
	return results.some(({ status }) => status === "failed") ? 1 : 0;
}

/** @throws Error where the command starts no MCP server */
async function requireServer(command: readonly string[]): Promise<void> {
	using scratch = new Scratch();
	try {
		const env = serverEnvironment(scratch.path);
		await using session = await Session.open(command, env);
		await session.learnTools();
	} catch (error) {
		const reason = error instanceof Error ? error.message : String(error);
		throw new Error(`${command.join(" ")}: no MCP server: ${reason}`);
	}
}

function report({ command, quick }: Options, results: readonly Result[]) {
	const processors = cpus();
	return {
		server: command,
		quick,
		machine: {
			system: `${process.platform} ${process.arch}`,
			cpus: processors.length,
			cpu: processors[0]?.model ?? "unknown",
			bun: Bun.version,
			node: NODE ?? null,
		},
		measures: results,
	};
}

let code = 1;
try {
	code = await main(process.argv.slice(2));
} catch (error) {
	console.error(`bench: ${error instanceof Error ? error.message : error}`);
	if (error instanceof UsageError) code = 2;
} finally {
	await closeAll();
}
process.exit(code);
