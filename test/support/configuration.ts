import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type CommandResult, runCommand } from "./command.ts";
import type { Scratch } from "./server.ts";

/** A configuration that would allow something, which no broken one may fall through to. */
export const PERMISSIVE = '{ "allowedExecutables": ["true"] }';

/** Starts the server where every later source than the one given is permissive. */
export async function startBeforePermissive(
	scratch: Scratch,
	args: readonly string[],
	env: Record<string, string> = {},
	withDefaults = true,
): Promise<CommandResult> {
	const later = {
		...(args.length === 0 ? {} : { MCP_PROCESS_CONFIG: PERMISSIVE }),
		...env,
	};
	const isDefault = args.length === 0 && Object.keys(env).length === 0;
	if (withDefaults) {
		if (!isDefault) scratch.write("mcp-process-config.json", PERMISSIVE);
		mkdirSync(join(scratch.path, "config"), { mode: 0o755, recursive: true });
		scratch.write("config/mcp-process.json", PERMISSIVE);
	}
	return runCommand(args, { cwd: scratch.path, env: later });
}
