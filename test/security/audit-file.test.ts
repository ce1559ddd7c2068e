import { describe, expect, it } from "bun:test";
import {
	appendFileSync,
	chmodSync,
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { ProcessError } from "../../src/errors.ts";
import { AuditFile } from "../../src/security/audit.ts";
import { EVENT, expectChain, linesOf } from "../support/audit.ts";
import { refusalOf } from "../support/policy-gate.ts";
import { Scratch } from "../support/server.ts";

const POSIX = process.platform !== "win32";

/** Why a record can't be written. */
function failureOf(path: string): ProcessError {
	const log = new AuditFile(path, "info");
	const error = refusalOf(() => log.record(EVENT));
	// Else it would try again when the folder is gone.
	log.close();
	return error;
}

describe.skipIf(!POSIX)("the file", () => {
	it("and its folder are the user's alone, whatever the umask", () => {
		using scratch = new Scratch();
		const path = join(scratch.path, "deep/state/audit.log");
		const before = process.umask(0);
		try {
			const log = new AuditFile(path, "info");
			log.record(EVENT);
			log.close();
		} finally {
			process.umask(before);
		}
		expect(statSync(path).mode & 0o777).toBe(0o600);
		expect(statSync(join(scratch.path, "deep/state")).mode & 0o777).toBe(0o700);
	});

	it("becomes so where it was open to others, and is appended to", () => {
		using scratch = new Scratch();
		const path = scratch.write("audit.log", "before\n", 0o666);
		chmodSync(path, 0o666);
		const log = new AuditFile(path, "info");
		log.record(EVENT);
		log.close();
		expect(statSync(path).mode & 0o777).toBe(0o600);
		expect(readFileSync(path, "utf8")).toStartWith("before\n{");
	});

	it("becomes so again while it is open, and tells so", () => {
		using scratch = new Scratch();
		const path = join(scratch.path, "audit.log");
		const log = new AuditFile(path, "error");
		log.record({ ...EVENT, level: "error" });
		for (const [mode, level] of [
			[0o666, "error"],
			[0o640, "info"],
		] as const) {
			chmodSync(path, mode);
			log.record({ ...EVENT, level });
			expect(statSync(path).mode & 0o777).toBe(0o600);
		}
		log.close();
		expect(
			linesOf(path).map(({ result, reason = "" }) => [result, reason]),
		).toEqual([
			["admitted", ""],
			["admitted", ""],
			["exposed", "the log's mode was 666, 640, and is 600 again"],
		]);
		expectChain(linesOf(path));
	});

	it("is not opened before the first record, as some clients start a server twice", () => {
		using scratch = new Scratch();
		const path = join(scratch.path, "state/audit.log");
		new AuditFile(path, "info").close();
		expect(existsSync(join(scratch.path, "state"))).toBe(false);
	});

	it("is never written through a link", () => {
		using scratch = new Scratch();
		const target = scratch.write("target", "");
		const path = join(scratch.path, "audit.log");
		for (const to of [target, join(scratch.path, "nowhere")]) {
			symlinkSync(to, path);
			const problem = new AuditFile(path, "info").problem();
			expect(problem?.message).toContain("can't be written");
			expect(failureOf(path).code).toBe("INTERNAL_ERROR");
			rmSync(path);
		}
		expect(readFileSync(target, "utf8")).toBe("");
		expect(existsSync(join(scratch.path, "nowhere"))).toBe(false);
	});

	it("is not a directory, a FIFO or a device", () => {
		using scratch = new Scratch();
		const folder = join(scratch.path, "folder");
		mkdirSync(folder);
		const fifo = join(scratch.path, "fifo");
		expect(Bun.spawnSync(["mkfifo", fifo]).success).toBe(true);
		for (const path of [folder, fifo, "/dev/null", "/dev/full"].filter(
			existsSync,
		)) {
			const { code, message, remediation, details } = failureOf(path);
			expect(code).toBe("INTERNAL_ERROR");
			expect(message).toContain(
				`The audit log can't be written, so nothing is started: ${path}`,
			);
			// Before anything was written, and without a trace.
			expect(new AuditFile(path, "info").problem()?.message).toBe(message);
			expect(remediation).toContain("auditLogPath");
			expect(details).toEqual({ auditLogPath: path });
		}
	});

	it("tells whether it could be written, and makes nothing", () => {
		using scratch = new Scratch();
		const folder = join(scratch.path, "state");
		const log = new AuditFile(join(folder, "deep", "audit.log"), "info");
		expect(log.problem()).toBeUndefined();
		expect(readdirSync(scratch.path)).toEqual([]);
		symlinkSync(join(scratch.path, "nowhere"), folder);
		expect(log.problem()?.message).toContain("can't be written");
		rmSync(folder);
		writeFileSync(folder, "a file where the folder should be");
		expect(log.problem()?.message).toContain(`${folder} is not a directory`);
		rmSync(folder);
		expect(log.problem()).toBeUndefined();
		log.record(EVENT);
		expect(log.problem()).toBeUndefined();
		log.close();
	});

	it("is taken up again once it can be written, with all that waited, its chain whole", () => {
		using scratch = new Scratch();
		const blocker = scratch.write("state", "a file where the folder should be");
		const path = join(blocker, "audit.log");
		const log = new AuditFile(path, "info");
		for (const reason of ["one", "two"])
			expect(() => log.record({ ...EVENT, reason })).toThrow(
				"can't be written",
			);
		expect(() => log.commit({ ...EVENT, reason: "not done" })).toThrow(
			"can't be written",
		);
		rmSync(blocker);
		log.commit({ ...EVENT, reason: "done" });
		log.close();
		log.record({ ...EVENT, reason: "after closing" });
		log.close();
		expect(linesOf(path).map(({ reason }) => reason)).toEqual([
			"one",
			"two",
			"done",
			"after closing",
		]);
		expectChain(linesOf(path));
	});

	it("is made anew where it was removed, so that no record goes to a file without a name", () => {
		using scratch = new Scratch();
		const path = join(scratch.path, "audit.log");
		const log = new AuditFile(path, "info");
		log.record(EVENT);
		rmSync(path);
		log.record({ ...EVENT, reason: "after" });
		log.close();
		expect(linesOf(path)).toMatchObject([{ reason: "after", seq: 1 }]);
	});

	it("shows a changed, a missing and a foreign line", () => {
		using scratch = new Scratch();
		const path = join(scratch.path, "audit.log");
		const log = new AuditFile(path, "info");
		for (const reason of ["one", "two", "three"])
			log.record({ ...EVENT, reason });
		log.close();
		const lines = linesOf(path);
		expectChain(lines);
		const changed = lines.map((line) =>
			line.reason === "two" ? { ...line, reason: "2" } : line,
		);
		expect(() => expectChain(changed)).toThrow();
		expect(() =>
			expectChain(lines.filter(({ reason }) => reason !== "two")),
		).toThrow();
		appendFileSync(path, `${JSON.stringify({ ...lines[2], seq: 3 })}\n`);
		expect(() => expectChain(linesOf(path))).toThrow();
	});
});

describe.skipIf(process.platform !== "linux")(
	"a place where no file can be made",
	() => {
		it.each(["/proc/x/audit.log", "/proc/audit.log", "/sys/x/audit.log"])(
			"is told of before anything is recorded: %s",
			(path) => {
				expect(new AuditFile(path, "info").problem()?.message).toStartWith(
					`The audit log can't be written, so nothing is started: ${path}`,
				);
				expect(failureOf(path).code).toBe("INTERNAL_ERROR");
			},
		);
	},
);
