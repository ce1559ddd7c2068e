import { join } from "node:path";
import type { ConfigInput } from "../../src/config/schema.ts";
import { NotMeasured } from "./measure.ts";
import { NODE } from "./peers.ts";

function found(name: string): string {
	return Bun.which(name) ?? name;
}

/** What the server and the bare programs run, by full path, so that neither looks for it. */
export const TRUE = found("true");
export const CAT = found("cat");
export const HEAD = found("head");
/** Ends by itself before long, should nobody else end it. */
export const SLEEP = [found("sleep"), "300"];

/** @throws NotMeasured where there is no node */
export function requireNode(): string {
	if (NODE === undefined)
		throw new NotMeasured("not measured here", "there is no node on PATH");
	return NODE;
}

/** Writes lines of 100 bytes, each by itself. */
export function smallWrites(count: number): string[] {
	const program = join(import.meta.dir, "write-small.mjs");
	return [requireNode(), program, String(count)];
}

/** The server's configuration: defaults, but for what may run and how often. */
export function configuration(folder: string): ConfigInput {
	return {
		allowedExecutables: [TRUE, CAT, HEAD, SLEEP[0] ?? "", NODE ?? TRUE],
		maxConcurrentProcesses: 2000,
		maxLaunchesPerMinute: 1_000_000,
		auditLogPath: join(folder, "audit.log"),
	};
}
