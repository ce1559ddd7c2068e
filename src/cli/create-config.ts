import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { SAMPLE_CONFIG } from "../config/sample.ts";
import { messageOf, systemCode } from "../errors.ts";
import { CommandError } from "./command.ts";

/**
 * Writes the sample configuration.
 *
 * @returns what to tell the user
 * @throws CommandError where the file is there already or can't be written
 */
export function createConfig(path: string, force: boolean): string {
	const target = resolve(path);
	const unwritable = (error: unknown) =>
		new CommandError(`${target} can't be written: ${messageOf(error)}`, 1);
	try {
		mkdirSync(dirname(target), { recursive: true });
	} catch (error) {
		throw unwritable(error);
	}
	try {
		writeFileSync(target, SAMPLE_CONFIG, {
			flag: force ? "w" : "wx",
			mode: 0o644,
		});
	} catch (error) {
		throw systemCode(error) === "EEXIST"
			? new CommandError(`${target} is there already; --force overwrites it`, 1)
			: unwritable(error);
	}
	return `Wrote ${target}\nRead it, keep what your work needs, and start the server with:\n  mcp-process --config ${target}\n`;
}
