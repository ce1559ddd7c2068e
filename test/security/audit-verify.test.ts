import { describe, expect, it } from "bun:test";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AuditFile } from "../../src/security/audit.ts";
import { verifyLog } from "../../src/security/audit-verify.ts";
import { asideOf } from "../../src/security/log-file.ts";
import { Scratch } from "../support/server.ts";

const EVENT = {
	level: "info",
	operation: "launch",
	result: "admitted",
} as const;

/** A log with the records of two servers, in turn. */
function twoServers(path: string, count: number, maxBytes?: number): void {
	const [one, other] = [1, 2].map(
		() => new AuditFile(path, "info", undefined, maxBytes),
	);
	for (let index = 0; index < count; index++) {
		one?.record({ ...EVENT, pid: 1000 + index });
		other?.record({ ...EVENT, pid: 2000 + index });
	}
	one?.close();
	other?.close();
}

function edit(path: string, change: (lines: string[]) => string[]): void {
	const lines = readFileSync(path, "utf8").trimEnd().split("\n");
	writeFileSync(path, `${change(lines).join("\n")}\n`);
}

describe("verifying an audit log", () => {
	it("finds the chains of several servers intact", () => {
		using scratch = new Scratch();
		const path = join(scratch.path, "audit.log");
		twoServers(path, 50);
		expect(verifyLog(path)).toMatchObject({
			records: 100,
			chains: 2,
			faults: [],
		});
	});

	it("counts the chains whose server's stop is not on record", () => {
		using scratch = new Scratch();
		const path = join(scratch.path, "audit.log");
		const server = new AuditFile(path, "info");
		server.record(EVENT);
		server.record({ ...EVENT, operation: "server_stop", result: "success" });
		server.close();
		expect(verifyLog(path)).toMatchObject({ chains: 1, open: 0, faults: [] });
		// What a chain can't show: its end is gone.
		edit(path, (lines) => lines.slice(0, -1));
		expect(verifyLog(path)).toMatchObject({ chains: 1, open: 1, faults: [] });
	});

	it.each([
		[
			"a changed record",
			(lines: string[]) =>
				lines.with(4, (lines[4] ?? "").replace("admitted", "refused")),
			5,
		],
		["a missing record", (lines: string[]) => lines.toSpliced(4, 1), 6],
		[
			"a record twice",
			(lines: string[]) => lines.toSpliced(5, 0, lines[4] ?? ""),
			6,
		],
		[
			"two records exchanged",
			(lines: string[]) =>
				lines.with(4, lines[6] ?? "").with(6, lines[4] ?? ""),
			5,
		],
		[
			"a line that is no record",
			(lines: string[]) => lines.toSpliced(4, 0, "{}"),
			5,
		],
		[
			"a line cut off",
			(lines: string[]) => lines.with(4, (lines[4] ?? "").slice(0, 40)),
			5,
		],
	] as const)("shows %s", (_, change, line) => {
		using scratch = new Scratch();
		const path = join(scratch.path, "audit.log");
		twoServers(path, 10);
		edit(path, change);
		const { faults } = verifyLog(path);
		expect(faults[0]).toMatchObject({ file: path, line });
	});

	it("shows a copy of an old record, and a made-up one", () => {
		using scratch = new Scratch();
		const path = join(scratch.path, "audit.log");
		twoServers(path, 3);
		const [record] = readFileSync(path, "utf8").split("\n");
		appendFileSync(path, `${record}\n`);
		const forged = {
			...JSON.parse(record ?? ""),
			seq: 9,
			prev: "f".repeat(64),
		};
		appendFileSync(path, `${JSON.stringify(forged)}\n`);
		expect(verifyLog(path).faults).toHaveLength(2);
	});

	it("follows the chains over the files that were put aside", () => {
		using scratch = new Scratch();
		const path = join(scratch.path, "audit.log");
		twoServers(path, 40, 4096);
		expect(asideOf(path).length).toBeGreaterThan(2);
		const { files, records, faults } = verifyLog(path);
		expect(files.at(-1)).toBe(path);
		expect(records).toBe(80);
		expect(faults).toEqual([]);
		for (const file of files)
			expect(readFileSync(file).length).toBeLessThan(2 * 4096);
	});
});
