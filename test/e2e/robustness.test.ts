import {
	afterAll,
	beforeAll,
	describe,
	expect,
	it,
	setDefaultTimeout,
} from "bun:test";
import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { RawServer } from "../support/raw.ts";
import { eventually, Scratch } from "../support/server.ts";

setDefaultTimeout(60_000);

const LINUX = process.platform === "linux";
const AS_ROOT = process.getuid?.() === 0;

let server: RawServer;
const scratch = new Scratch();

beforeAll(async () => {
	server = await RawServer.start({
		allowedExecutables: ["true", "cat", "sleep", join(scratch.path, "**")],
		argumentValidation: "literal",
		maxArgumentCount: 1_000_000,
		maxArgumentLength: 10_000_000,
		maxConcurrentProcesses: 1000,
		maxLaunchesPerMinute: 10_000,
	});
});

afterAll(async () => {
	await server[Symbol.asyncDispose]();
	scratch[Symbol.dispose]();
});

/** A launch that must fail with a code, after which the server is as before. */
async function refused(
	args: Record<string, unknown>,
	code: string,
	message: string | RegExp,
): Promise<void> {
	const body = await server.fails("process_start", args);
	expect(body).toMatchObject({ code });
	expect(body.message).toMatch(message);
	expect(body.remediation).not.toBe("");
	expect(body.timestamp).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
	await server.expectHealthy();
}

describe("a launch that can't be", () => {
	it("survives a directory that is not there", () =>
		refused(
			{ executable: "true", cwd: join(scratch.path, "absent") },
			"INVALID_WORKING_DIRECTORY",
			"absent",
		));

	it("survives a file as directory", () =>
		refused(
			{ executable: "true", cwd: scratch.write("file", "") },
			"INVALID_WORKING_DIRECTORY",
			"file",
		));

	it.skipIf(!LINUX || AS_ROOT)(
		"survives a directory that is closed",
		async () => {
			const closed = join(scratch.path, "closed");
			mkdirSync(closed, { mode: 0 });
			try {
				await refused(
					{ executable: "true", cwd: closed },
					"INVALID_WORKING_DIRECTORY",
					"closed",
				);
			} finally {
				chmodSync(closed, 0o700);
			}
		},
	);

	it("survives a script whose interpreter is missing, and names it", () =>
		refused(
			{ executable: scratch.write("broken", "#!/no/such/interp\n", 0o755) },
			"SPAWN_FAILED",
			"/no/such/interp",
		));

	it("survives a file without a #! line", () =>
		refused(
			{ executable: scratch.write("text", "just text\n", 0o755) },
			"SPAWN_FAILED",
			"text",
		));

	it("survives an empty file", () =>
		refused(
			{ executable: scratch.write("empty", "", 0o755) },
			"SPAWN_FAILED",
			"empty",
		));

	it("survives a file that isn't executable", () =>
		refused(
			{ executable: scratch.write("plain", "#!/bin/cat\n", 0o644) },
			"PERMISSION_DENIED",
			"plain",
		));

	it("survives an executable that is a directory", async () => {
		const body = await server.fails("process_start", {
			executable: scratch.path,
		});
		expect(["SECURITY_VIOLATION", "EXECUTABLE_NOT_FOUND"]).toContain(body.code);
		await server.expectHealthy();
	});

	it("survives an executable that is deleted between two calls", async () => {
		const path = scratch.write("passing", "#!/bin/cat\nhere\n", 0o755);
		const { pid } = await server.ok("process_start", { executable: path });
		await server.waitForEnd(pid);
		rmSync(path);
		const body = await server.fails("process_start", { executable: path });
		expect(["SECURITY_VIOLATION", "EXECUTABLE_NOT_FOUND"]).toContain(body.code);
		await server.expectHealthy();
	});

	it("survives an executable that loses its permission between two calls", async () => {
		const path = scratch.write("closing", "#!/bin/cat\nhere\n", 0o755);
		const { pid } = await server.ok("process_start", { executable: path });
		await server.waitForEnd(pid);
		chmodSync(path, 0o600);
		await refused({ executable: path }, "PERMISSION_DENIED", "closing");
	});

	it.each([
		["executable", { executable: "true\0/x" }],
		["an argument", { executable: "true", args: ["a\0b"] }],
		["the directory", { executable: "true", cwd: "/tmp\0/x" }],
		["a variable's name", { executable: "true", env: { "A\0B": "x" } }],
		["a variable's value", { executable: "true", env: { A: "x\0y" } }],
	])("survives NUL in %s", async (_, args) => {
		const body = await server.fails("process_start", args);
		expect([
			"SECURITY_VIOLATION",
			"INVALID_ARGUMENT",
			"INVALID_WORKING_DIRECTORY",
		]).toContain(body.code);
		await server.expectHealthy();
	});

	it.each([[""], ["A=B"]])("refuses %j as a variable's name", (name) =>
		refused(
			{ executable: "true", env: { [name]: "x" } },
			"SECURITY_VIOLATION",
			"name",
		),
	);

	it("survives PATH in the environment, which stays the server's", async () => {
		for (const PATH of ["", "/nonexistent"]) {
			const { pid, warnings } = await server.ok("process_start", {
				executable: "true",
				env: { PATH },
			});
			expect(warnings).toHaveLength(1);
			expect(warnings[0]).toContain("PATH");
			await server.waitForEnd(pid);
		}
		await server.expectHealthy();
	});

	it.skipIf(!LINUX)("survives an argument over the system's limit", () =>
		refused(
			{ executable: "true", args: ["a".repeat(200 * 1024)] },
			"SPAWN_FAILED",
			/too long/i,
		),
	);

	it.skipIf(!LINUX)("survives arguments over the system's limit in sum", () =>
		refused(
			{
				executable: "true",
				args: Array.from({ length: 200 }, () => "a".repeat(100_000)),
			},
			"SECURITY_VIOLATION",
			/too long/i,
		),
	);

	it("starts a program with 10,000 arguments", async () => {
		const { pid } = await server.ok("process_start", {
			executable: "true",
			args: Array.from({ length: 10_000 }, (_, index) => String(index)),
		});
		expect(await server.waitForEnd(pid)).toMatchObject({ exitCode: 0 });
		await server.expectHealthy();
	});
});

describe("input that nobody reads", () => {
	const megabyte = "x".repeat(2 ** 20);

	it("is refused once the process has ended", async () => {
		const { pid } = await server.ok("process_start", { executable: "true" });
		await server.waitForEnd(pid);
		const body = await server.fails("process_send_stdin", {
			pid,
			data: megabyte,
		});
		expect(body).toMatchObject({ code: "STDIN_NOT_AVAILABLE" });
		await server.expectHealthy();
	});

	it("is given up where the process ends during the launch's own", async () => {
		const { pid } = await server.ok("process_start", {
			executable: "true",
			stdin: megabyte,
		});
		expect(await server.waitForEnd(pid)).toMatchObject({ exitCode: 0 });
		await server.expectHealthy();
	});

	it("ends the write, not the server, where the process is ended meanwhile", async () => {
		const { pid } = await server.ok("process_start", {
			executable: "sleep",
			args: ["60"],
		});
		const write = server.fails("process_send_stdin", { pid, data: megabyte });
		await server.ok("process_terminate", { pid });
		expect(await write).toMatchObject({ code: "STDIN_NOT_AVAILABLE" });
		await server.expectHealthy();
	});

	it("is written as far as the pipe takes it, in the call's time, while other calls go on", async () => {
		const { pid } = await server.ok("process_start", {
			executable: "sleep",
			args: ["60"],
		});
		let bytesWritten: number | undefined;
		const write = server
			.ok("process_send_stdin", { pid, data: megabyte })
			.then((result) => {
				bytesWritten = result.bytesWritten;
			});
		await server.expectHealthy();
		expect(bytesWritten).toBeUndefined();
		await eventually(() => bytesWritten, "the write to give up", 60_000);
		await write;
		expect(bytesWritten).toBeGreaterThan(0);
		expect(bytesWritten).toBeLessThan(megabyte.length);
		await server.ok("process_terminate", { pid });
		await server.expectHealthy();
	}, 90_000);
});
