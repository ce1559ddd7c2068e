import { describe, expect, it } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ManagedProcess } from "../../src/process/process.ts";
import { AuditFile } from "../../src/security/audit.ts";
import { EVENT } from "../support/audit.ts";
import { eventually, Scratch } from "../support/server.ts";
import { caught, Table, textOf } from "../support/table.ts";

const bytes = (data: string) => new TextEncoder().encode(data);

describe.skipIf(process.platform === "win32")("standard input", () => {
	it("is written at the start, whole, and closed when asked", async () => {
		await using table = await Table.open();
		const data = "0123456789".repeat(50_000);
		const process = await table.start("/usr/bin/wc", ["-c"], {
			stdin: data,
			closeStdin: true,
		});
		await process.ended;
		expect(textOf(process).trim()).toBe(String(data.length));
	});

	it("stays open unless it is closed", async () => {
		await using table = await Table.open();
		const process = await table.start("/bin/cat", [], { stdin: "one " });
		expect(await table.manager.write(process, bytes("two"), 5000)).toBe(3);
		await eventually(
			() => (textOf(process) === "one two" ? true : undefined),
			"both to come back",
		);
		expect(process.state).toBe("running");
	});

	it("is refused while no record of it could even be kept for later", async () => {
		using scratch = new Scratch();
		const folder = join(scratch.path, "state");
		const log = new AuditFile(join(folder, "audit.log"), "info");
		await using table = await Table.open({}, log);
		const process = await table.start("/bin/cat");
		const write = () => table.manager.write(process, bytes("x"), 5000);
		rmSync(folder, { recursive: true });
		writeFileSync(folder, "a file where the folder should be");
		expect(await write()).toBe(1);
		const args = Array.from({ length: 4 }, () => "x".repeat(500));
		for (let count = 0; count < 2000; count++)
			expect(() => log.record({ ...EVENT, args })).toThrow();
		expect(await caught(write())).toMatchObject({ code: "INTERNAL_ERROR" });
		rmSync(folder);
		expect(await write()).toBe(1);
	});

	it("of a process that ends unread does no harm", async () => {
		await using table = await Table.open();
		const process = await table.start("/bin/true", [], {
			stdin: "x".repeat(2 ** 20),
			closeStdin: true,
		});
		await process.ended;
		expect(process.termination?.exitCode).toBe(0);
	});

	it("cannot be written once closed, ended, never given, or not allowed", async () => {
		await using table = await Table.open();
		const write = (process: ManagedProcess) =>
			caught(table.manager.write(process, bytes("x"), 1000));
		const closed = await table.sleeper({ closeStdin: true });
		expect(await write(closed)).toMatchObject({ code: "STDIN_NOT_AVAILABLE" });
		const fed = await table.sleeper({ stdin: "x", closeStdin: true });
		expect(await write(fed)).toMatchObject({ code: "STDIN_NOT_AVAILABLE" });
		const ended = await table.start("/bin/true");
		await ended.ended;
		expect(await write(ended)).toMatchObject({
			code: "STDIN_NOT_AVAILABLE",
			message: expect.stringContaining("Process stdin not available"),
		});
		await using strict = await Table.open({ allowStdinInput: false });
		const process = await strict.sleeper();
		for (const refused of [
			strict.manager.write(process, bytes("x"), 1000),
			strict.sleeper({ stdin: "x" }),
		])
			expect(await caught(refused)).toMatchObject({
				code: "SECURITY_VIOLATION",
				details: { violation: "stdin_not_allowed" },
			});
	});

	it("closed by the process is told to the one who writes", async () => {
		await using table = await Table.open();
		const process = await table.start("/bin/sh", [
			"-c",
			"exec <&-; echo closed; sleep 60",
		]);
		await eventually(
			() => (textOf(process).includes("closed") ? true : undefined),
			"it to close its input",
		);
		expect(
			await caught(table.manager.write(process, bytes("x"), 1000)),
		).toMatchObject({ code: "STDIN_NOT_AVAILABLE" });
	});

	it("is recorded by its size, never by its content", async () => {
		await using table = await Table.open();
		const process = await table.start("/bin/cat");
		await table.manager.write(process, bytes("hunter2"), 1000);
		expect(table.resultsOf(process.pid)).toContain("stdin: written");
		expect(JSON.stringify(table.events)).not.toContain("hunter2");
	});
});
