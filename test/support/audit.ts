import { expect } from "bun:test";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { type AuditLog, noAuditLog } from "../../src/security/audit.ts";
import type { AuditEvent } from "../../src/security/audit-event.ts";

/** An event of which only the place in the log matters. */
export const EVENT: AuditEvent = {
	level: "info",
	operation: "launch",
	result: "admitted",
};

/** A log that gives each event to a function. */
export function logTo(record: (event: AuditEvent) => void): AuditLog {
	return { ...noAuditLog, record, commit: record };
}

/** A record, parsed. */
export type Line = Record<string, unknown>;

/** Every record of a log. */
export function linesOf(path: string): Line[] {
	return readFileSync(path, "utf8")
		.trimEnd()
		.split("\n")
		.map((line) => JSON.parse(line));
}

/** The chain as the contract describes it, computed anew. */
export function expectChain(lines: readonly Line[]): void {
	let prev = "0".repeat(64);
	for (const [seq, { hash, ...record }] of lines.entries()) {
		expect(record).toMatchObject({ seq, prev });
		prev = createHash("sha256").update(JSON.stringify(record)).digest("hex");
		expect(hash).toBe(prev);
	}
}
