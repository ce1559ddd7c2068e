import { existsSync, readFileSync } from "node:fs";
import { FIRST, hashOf } from "./audit.ts";
import { ASIDE_KEPT, asideOf } from "./log-file.ts";

/** One thing that is wrong with a log. */
export interface Fault {
	readonly file: string;
	/** From 1. */
	readonly line: number;
	readonly problem: string;
}

export interface Verification {
	readonly files: readonly string[];
	readonly records: number;
	/** Servers that wrote to it, each with a chain of its own. */
	readonly chains: number;
	/** Chains that don't end with their server's stop: it runs, was killed, or the last records are missing. */
	readonly open: number;
	/** As many files are there as are kept, so older ones may have been removed. */
	readonly isShortened: boolean;
	readonly faults: readonly Fault[];
}

/** The files of a log, those that were put aside first. */
export function logFiles(path: string): string[] {
	return existsSync(path) ? [...asideOf(path), path] : [];
}

/**
 * Checks the hash of every record and that each one's `prev` is the hash of the
 * record before it. Several servers may have written in turn, each a chain from
 * its own first record. What a chain can't show is that its last records are
 * missing.
 *
 * @throws Error where a file can't be read
 */
export function verifyLog(path: string): Verification {
	const files = logFiles(path);
	const faults: Fault[] = [];
	/** The last record of each chain, by its hash. */
	const tips = new Map<string, Link>();
	const seen = new Set<string>();
	let records = 0;
	let chains = 0;
	// With as many files as are kept, the beginnings may have been removed.
	const mayStartWithin = files.length > ASIDE_KEPT;
	for (const [index, file] of files.entries()) {
		const lines = readFileSync(file, "utf8").split("\n");
		if (lines.at(-1) === "") lines.pop();
		for (const [at, line] of lines.entries()) {
			records++;
			const fault = (problem: string) =>
				faults.push({ file, line: at + 1, problem });
			const record = readRecord(line);
			if (typeof record === "string") {
				fault(record);
				continue;
			}
			const { seq, prev, hash, isStop } = record;
			if (seen.has(hash)) {
				fault("the record is there twice");
				continue;
			}
			seen.add(hash);
			if (prev === FIRST && seq === 0) chains++;
			else if (tips.get(prev)?.next === seq) tips.delete(prev);
			else if (mayStartWithin && index === 0) chains++;
			else fault("the record before it is missing or was changed");
			tips.set(hash, { next: seq + 1, isStop });
		}
	}
	const open = [...tips.values()].filter(({ isStop }) => !isStop).length;
	return { files, records, chains, open, isShortened: mayStartWithin, faults };
}

/** What the record after one has to be. */
interface Link {
	/** Its sequence number. */
	readonly next: number;
	/** None follows: the server has stopped. */
	readonly isStop: boolean;
}

/** Whether a line is, to the letter, what was written: a key given twice would be read as one. */
function isWrittenAs(record: object, line: string): boolean {
	try {
		return JSON.stringify(record) === line;
	} catch {
		return false;
	}
}

/** A record's place in its chain, or what is wrong with the line. */
function readRecord(
	line: string,
): { seq: number; prev: string; hash: string; isStop: boolean } | string {
	let record: unknown;
	try {
		record = JSON.parse(line);
	} catch {
		return "not a record: the line is cut off or was changed";
	}
	if (typeof record !== "object" || record === null) return "not a record";
	if (!isWrittenAs(record, line)) return "the line was changed";
	const { hash, ...rest } = record as Record<string, unknown>;
	const { seq, prev, operation } = rest;
	if (
		typeof hash !== "string" ||
		typeof prev !== "string" ||
		typeof seq !== "number"
	)
		return "not a record: seq, prev or hash is missing";
	if (hashOf(JSON.stringify(rest)) !== hash)
		return "the record was changed: its hash does not fit";
	return { seq, prev, hash, isStop: operation === "server_stop" };
}
