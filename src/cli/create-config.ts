import {
	mkdirSync,
	renameSync,
	rmSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
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
	if (statSync(target, { throwIfNoEntry: false })?.isDirectory())
		throw new CommandError(
			`${target} is a directory; name a file, as ${join(target, "mcp-process.json")}`,
			1,
		);
	try {
		// Never through a link or into a pipe that is there: a new file takes the place.
		const fresh = force ? `${target}.${process.pid}.new` : target;
		writeFileSync(fresh, SAMPLE_CONFIG, { flag: "wx", mode: 0o644 });
		if (force) replace(fresh, target);
	} catch (error) {
		throw systemCode(error) === "EEXIST"
			? new CommandError(`${target} is there already; --force overwrites it`, 1)
			: unwritable(error);
	}
	return `Wrote ${target}\nRead it, keep what your work needs, and start the server with:\n  mcp-process --config ${target}\n`;
}

/** Leaves nothing behind where the target can't be replaced, as a file that is mounted by itself can't. */
function replace(fresh: string, target: string): void {
	try {
		renameSync(fresh, target);
	} catch (error) {
		rmSync(fresh, { force: true });
		throw error;
	}
}
