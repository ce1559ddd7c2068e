#!/usr/bin/env bun
import { version } from "../package.json" with { type: "json" };
import { CommandError, HELP, parseCommand } from "./cli/command.ts";
import { versionLine } from "./cli/version.ts";
import { ConfigError } from "./config/load.ts";
import { messageOf } from "./errors.ts";

/** Milliseconds for the end of a session, after which this process ends whatever is left. */
const STOP_BUDGET = 4500;

/** Carries out a command; returns the exit code. */
async function main(argv: readonly string[]): Promise<number> {
	const command = parseCommand(argv);
	switch (command.kind) {
		case "help":
			return print(HELP);
		case "version":
			return print(`${versionLine(version)}\n`);
		case "schema": {
			const { configJsonSchema } = await import("./config/schema.ts");
			return print(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
		}
		case "create-config": {
			const { createConfig } = await import("./cli/create-config.ts");
			return print(createConfig(command.path, command.force));
		}
		case "check": {
			const { check } = await import("./cli/check.ts");
			return print(await check(command.config));
		}
		case "explain": {
			const { explain } = await import("./cli/explain.ts");
			const { text, allowed } = await explain(command);
			return (await print(text)) || (allowed ? 0 : 1);
		}
		case "doctor": {
			const { doctor } = await import("./cli/doctor.ts");
			return print(await doctor({ ...command, version }));
		}
		case "audit": {
			const { tail, verify } = await import("./cli/audit.ts");
			if (command.action === "tail") return print(tail(command));
			const { text, intact } = verify(command);
			return (await print(text)) || (intact ? 0 : 1);
		}
		case "client": {
			const { client } = await import("./cli/client.ts");
			const { text, hint } = client({ ...command, version });
			process.stderr.write(hint);
			return print(text);
		}
		case "interrupt": {
			const { sendInterrupt } = await import("./platform/console.ts");
			sendInterrupt(command.pids);
			return 0;
		}
		case "serve":
			return serveUntilEnd(command.config);
	}
}

/** Serves until the client closes its side, a signal comes, or something breaks. */
async function serveUntilEnd(config: string | undefined): Promise<number> {
	const signalled = new Promise<string>((resolve) => {
		for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const)
			process.on(signal, () => resolve(signal));
	});
	const broken = new Promise<string>((resolve) => {
		for (const event of ["uncaughtException", "unhandledRejection"])
			process.on(event, (error: unknown) => {
				console.error("mcp-process: internal error:", error);
				resolve("internal error");
			});
	});
	const { serve } = await import("./cli/serve.ts");
	const session = await serve({ config, version });
	const reason = await Promise.race([
		session.ended.then(() => "end of input"),
		signalled,
		broken,
	]);
	await Promise.race([session.stop(reason), Bun.sleep(STOP_BUDGET)]);
	const code = reason === "internal error" ? 1 : 0;
	session.exit(code);
	return code;
}

/** Resolves when all of a text has left this process: ending it sooner would cut the text. */
function print(text: string): Promise<number> {
	return new Promise((resolve) => {
		process.stdout.on("error", () => resolve(1));
		process.stdout.write(text, () => resolve(0));
	});
}

try {
	process.exit(await main(process.argv.slice(2)));
} catch (error) {
	const known = error instanceof CommandError || error instanceof ConfigError;
	for (const line of (known ? error.message : messageOf(error)).split("\n"))
		console.error(`mcp-process: ${line}`);
	process.exit(error instanceof CommandError ? error.exitCode : 1);
}
