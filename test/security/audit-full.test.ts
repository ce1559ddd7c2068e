import { describe, expect, it } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { AuditFile } from "../../src/security/audit.ts";
import { verifyLog } from "../../src/security/audit-verify.ts";
import { EVENT, expectChain, linesOf } from "../support/audit.ts";
import { refusalOf } from "../support/policy-gate.ts";
import { eventually, Scratch } from "../support/server.ts";

const POSIX = process.platform !== "win32";
const ROOT = process.getuid?.() === 0;

const FILL = [
	process.execPath,
	join(import.meta.dir, "../fixtures/fill-audit-log.ts"),
];

/** Runs the fixture that fills a log, after a shell's commands; its log is then at `path`. */
function fill(wrapper: readonly string[], commands: string, path: string) {
	// The limit of a file's size (RLIMIT_FSIZE) cuts a write short as a full disk does.
	const script = `trap '' XFSZ; ${commands}; (ulimit -S -f 4; exec "$@")`;
	const { stdout, stderr } = Bun.spawnSync([
		...[...wrapper, "sh", "-c", script, "sh"],
		...[...FILL, path],
	]);
	expect(stderr.toString()).toBe("");
	const { kept, failure, failsAgain, raised } = JSON.parse(stdout.toString());
	expect(raised).toBe(true);
	expect(failure).toContain("can't be written");
	expect(failsAgain).toBe(true);
	expect(kept).toBeGreaterThan(1);
	return [
		...Array.from({ length: kept + 1 }, (_, index) => `record ${index}`),
		"waiting",
		"after",
	];
}

describe.skipIf(!POSIX)("records that can't be written", () => {
	const canLimit = Bun.which("prlimit") !== null && Bun.which("sh") !== null;

	it.skipIf(!canLimit)(
		"are written later, in order, and no line stays cut short",
		() => {
			using scratch = new Scratch();
			const path = join(scratch.path, "audit.log");
			const reasons = fill([], ":", path);
			expect(linesOf(path).map(({ reason }) => reason)).toEqual(reasons);
			expectChain(linesOf(path));
		},
	);

	it.skipIf(!(canLimit && ROOT && Bun.which("chattr")))(
		"have a line that was cut short completed in a file that can only grow",
		() => {
			using scratch = new Scratch();
			const path = join(scratch.path, "small", "audit.log");
			mkdirSync(join(scratch.path, "small"));
			const copy = join(scratch.path, "copy.log");
			const commands = `trap 'cp ${path} ${copy}' EXIT; mount -t tmpfs none ${scratch.path}/small && (umask 077; touch ${path}) && chattr +a ${path}`;
			const reasons = fill(["unshare", "-m"], commands, path);
			expect(linesOf(copy).map(({ reason }) => reason)).toEqual(reasons);
			expectChain(linesOf(copy));
		},
	);

	it("are written without another one, when they can be", async () => {
		using scratch = new Scratch();
		const blocker = scratch.write("state", "a file where the folder should be");
		const path = join(blocker, "audit.log");
		const log = new AuditFile(path, "info");
		expect(() => log.record(EVENT)).toThrow("can't be written");
		rmSync(blocker);
		await eventually(() => existsSync(path) || undefined, "the log");
		expect(linesOf(path)).toHaveLength(1);
		log.close();
	});

	it("are counted where memory has no room for them, and the count is on record", () => {
		using scratch = new Scratch();
		const blocker = scratch.write("state", "a file where the folder should be");
		const path = join(blocker, "audit.log");
		const log = new AuditFile(path, "info");
		const args = Array.from({ length: 4 }, () => "x".repeat(500));
		const count = 3000;
		for (let index = 0; index < count; index++)
			refusalOf(() => log.record({ ...EVENT, args }));
		const refusal = refusalOf(() => log.requireRoom());
		expect(refusal.message).toContain("can't be written");
		rmSync(blocker);
		log.requireRoom();
		log.record({ ...EVENT, reason: "after" });
		log.close();
		const lines = linesOf(path);
		const [mark, after] = lines.slice(-2);
		expect(mark).toMatchObject({
			level: "error",
			operation: "audit",
			result: "lost",
			reason: `records that could neither be written nor kept until they could be: ${count - (lines.length - 2)}`,
		});
		expect(after).toMatchObject({ reason: "after" });
		expect(lines.length).toBeGreaterThan(1000);
		expect(readFileSync(path).length).toBeLessThan(6 * 2 ** 20);
		expect(verifyLog(path)).toMatchObject({ chains: 1, faults: [] });
	});
});
