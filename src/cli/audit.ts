import { readFileSync, statSync } from "node:fs";
import { loadConfig } from "../config/load.ts";
import { messageOf } from "../errors.ts";
import { auditLogPath } from "../security/audit.ts";
import { logFiles, verifyLog } from "../security/audit-verify.ts";
import { CommandError, forTerminal } from "./command.ts";

/** Records that `audit tail` shows, and faults that `audit verify` lists. */
const SHOWN = 20;

/** Which log: the one at a path, else that of a configuration, else of the one that a server would have. */
interface Target {
	readonly path: string | undefined;
	/** The configuration's path. */
	readonly config: string | undefined;
}

/** @throws ConfigError where the configuration cannot be used */
function pathOf({ path, config }: Target): string {
	if (path !== undefined) return path;
	const { env } = process;
	const loaded = loadConfig({ path: config, env, cwd: process.cwd() });
	return auditLogPath(loaded.config, env);
}

/**
 * Checks the hash chains of a log.
 *
 * @throws CommandError where there is no such log
 */
export function verify(target: Target): {
	readonly text: string;
	readonly intact: boolean;
} {
	const log = existing(pathOf(target));
	const { files, records, chains, open, isShortened, faults } = reading(
		log,
		() => verifyLog(log),
	);
	if (records === 0)
		return { text: `${log}: there is nothing in it\n`, intact: true };
	const summary = `${log}: ${count(records, "record")} of ${count(chains, "server start")} in ${count(files.length, "file")}${isShortened ? "; older ones were removed" : ""}`;
	if (faults.length === 0) {
		const end =
			open === 0
				? ""
				: `\n  no stop of ${count(open, "server")} is on record: ${open === 1 ? "it" : "each"} runs, was killed, or its last records are missing`;
		return { text: `${summary}: intact${end}\n`, intact: true };
	}
	const lines = faults
		.slice(0, SHOWN)
		.map(({ file, line, problem }) => `  ${file}:${line}: ${problem}`);
	const more =
		faults.length > SHOWN ? [`  and ${faults.length - SHOWN} more`] : [];
	return {
		text: [`${summary}: NOT intact`, ...lines, ...more, ""].join("\n"),
		intact: false,
	};
}

function count(number: number, what: string): string {
	return `${number} ${what}${number === 1 ? "" : "s"}`;
}

/**
 * The last records of a log, a line each.
 *
 * @throws CommandError where there is no such log
 */
export function tail(target: Target): string {
	const log = existing(pathOf(target));
	const lines = reading(log, () => readFileSync(log, "utf8").split("\n"));
	return lines
		.filter((line) => line !== "")
		.slice(-SHOWN)
		.map((line) => `${forTerminal(readable(line))}\n`)
		.join("");
}

function existing(path: string): string {
	const info = statSync(path, { throwIfNoEntry: false });
	if (info && !info.isFile())
		throw new CommandError(`${path}: is not a file`, 1);
	if (logFiles(path).length > 0) return path;
	throw new CommandError(`${path}: there is no such audit log`, 1);
}

function reading<T>(path: string, read: () => T): T {
	try {
		return read();
	} catch (error) {
		throw new CommandError(`${path}: ${messageOf(error)}`, 1);
	}
}

function readable(line: string): string {
	try {
		const record = JSON.parse(line);
		const { timestamp, level, operation, result, pid, reason } = record;
		const command = [record.executable, ...(record.args ?? [])]
			.filter((part) => part !== undefined)
			.map((part) => JSON.stringify(part))
			.join(" ");
		return (
			[
				timestamp,
				String(level).padEnd(5),
				`${operation} ${result}`,
				pid === undefined ? "" : `pid ${pid}`,
				command,
				reason ?? "",
			]
				.filter((part) => part !== "")
				.join("  ")
				// An agent chooses some of this text; it must not command the terminal.
				.replace(/[\p{Cc}\p{Cf}]/gu, "\uFFFD")
		);
	} catch {
		return `not a record: ${JSON.stringify(line.slice(0, 200))}`;
	}
}
