import { describe, expect, it } from "bun:test";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import {
	AuditFile,
	auditLogPath,
	createAuditLog,
	noAuditLog,
} from "../../src/security/audit.ts";
import { quote } from "../../src/security/quote.ts";
import { EVENT, expectChain, linesOf } from "../support/audit.ts";
import { Scratch } from "../support/server.ts";

describe("a record", () => {
	it("is one JSON object on one line with the contract's fields", () => {
		using scratch = new Scratch();
		const path = join(scratch.path, "audit.log");
		const log = new AuditFile(
			path,
			"info",
			() => new Date(Date.UTC(2026, 0, 2)),
		);
		log.record({
			level: "warn",
			operation: "launch",
			executable: "/usr/bin/node",
			args: ["a\nb", "é\u2028"],
			cwd: "/srv",
			pid: 5,
			agent: "me",
			result: "refused",
			reason: "line one\nline two",
			bytes: 7,
		});
		log.close();
		const text = readFileSync(path, "utf8");
		expect(text.split("\n")).toHaveLength(2);
		const [line] = linesOf(path);
		expect(Object.keys(line ?? {})).toEqual([
			"timestamp",
			"level",
			"operation",
			"executable",
			"args",
			"cwd",
			"pid",
			"agent",
			"result",
			"reason",
			"bytes",
			"seq",
			"prev",
			"hash",
		]);
		expect(line).toMatchObject({
			timestamp: "2026-01-02T00:00:00.000Z",
			args: ["a\nb", "é\u2028"],
			reason: "line one\nline two",
			seq: 0,
			prev: "0".repeat(64),
		});
	});

	it.each([
		["control characters", "\u0001"],
		["halves of characters", "\ud800"],
		["quotes", '"'],
		["letters of three bytes", "字"],
		["characters of four bytes", "😀"],
		["letters", "x"],
	])("takes a bounded number of bytes, of %s too", (_, character) => {
		using scratch = new Scratch();
		const path = join(scratch.path, "audit.log");
		const log = new AuditFile(path, "info");
		const text = character.repeat(30_000);
		log.record({
			...EVENT,
			executable: text,
			args: Array.from({ length: 1000 }, () => text),
			cwd: text,
			agent: text,
			reason: text,
		});
		log.record({ ...EVENT, args: [...text.slice(0, 2000)] });
		log.close();
		const [line, many] = readFileSync(path, "utf8").split("\n");
		expect(Buffer.byteLength(line ?? "")).toBeWithin(2000, 5000);
		expect(Buffer.byteLength(many ?? "")).toBeLessThan(3000);
		expect(linesOf(path)[0]).toMatchObject({
			reason: expect.stringMatching(/\.\.\. \(\d+ more\)$/),
		});
	});

	it("covers all before it by its hash", () => {
		using scratch = new Scratch();
		const path = join(scratch.path, "audit.log");
		const log = new AuditFile(path, "debug");
		const event = fc.record({
			args: fc.array(fc.string({ unit: "binary" })),
			reason: fc.string({ unit: "binary" }),
		});
		let written = 0;
		fc.assert(
			fc.property(event, (given) => {
				log.record({ ...EVENT, ...given });
				written++;
			}),
			{ numRuns: 50 },
		);
		log.close();
		expect(linesOf(path)).toHaveLength(written);
		expectChain(linesOf(path));
	});

	it("is kept at its level and above", () => {
		using scratch = new Scratch();
		for (const [level, kept] of [
			["error", 1],
			["warn", 2],
			["info", 3],
			["debug", 4],
		] as const) {
			const path = join(scratch.path, level);
			const log = new AuditFile(path, level);
			for (const each of ["debug", "info", "warn", "error"] as const)
				log.record({ ...EVENT, level: each });
			log.close();
			expect(linesOf(path)).toHaveLength(kept);
			expectChain(linesOf(path));
		}
	});

	it("holds no secret, in its arguments or its reason", () => {
		using scratch = new Scratch();
		const path = join(scratch.path, "audit.log");
		const log = new AuditFile(path, "info");
		const secret = "hunter2hunter2";
		const quoted = `${secret}";'x\\`;
		const cases: string[][] = [
			["--password", secret],
			[`--token=${secret}`],
			["-H", `Authorization: Bearer ${secret}`],
			["--password", quoted],
			["--password", `${secret};${"x".repeat(200)}`],
			["--password", `${secret}\n;`],
		];
		for (const args of cases) {
			const shown = quote(args.at(-1) ?? "");
			log.record({
				...EVENT,
				args,
				reason: `Argument contains suspicious characters: args[1] ${shown} holds ;`,
			});
		}
		log.close();
		for (const [at, line] of readFileSync(path, "utf8")
			.trimEnd()
			.split("\n")
			.entries())
			expect([cases[at], line.includes(secret)]).toEqual([cases[at], false]);
	});
});

describe("the log that a configuration asks for", () => {
	const settings = { enableAuditLog: true, auditLogLevel: "info" } as const;

	it("is none where it is switched off", () => {
		expect(createAuditLog({ ...settings, enableAuditLog: false }, {})).toBe(
			noAuditLog,
		);
	});

	it("lies where it says, with its level", () => {
		using scratch = new Scratch();
		const path = join(scratch.path, "mine.log");
		const log = createAuditLog(
			{ ...settings, auditLogPath: path, auditLogLevel: "warn" },
			{},
		);
		log.record(EVENT);
		log.record({ ...EVENT, level: "warn" });
		log.close();
		expect(linesOf(path)).toHaveLength(1);
	});

	it.skipIf(process.platform !== "linux")(
		"lies else in the user's state directory",
		() => {
			expect(auditLogPath({}, { XDG_STATE_HOME: "/srv/state" })).toBe(
				"/srv/state/mcp-process/audit.log",
			);
			const home = join(homedir(), ".local/state/mcp-process/audit.log");
			for (const env of [
				{},
				{ XDG_STATE_HOME: "" },
				{ XDG_STATE_HOME: "relative" },
			])
				expect(auditLogPath({}, env)).toBe(home);
		},
	);
});
