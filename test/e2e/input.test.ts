import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { randomBytes } from "node:crypto";
import type { ConfigInput } from "../../src/config/schema.ts";
import { NODE } from "../support/programs.ts";
import { TestServer } from "../support/server.ts";

setDefaultTimeout(60_000);

const CONFIG: ConfigInput = {
	allowedExecutables: ["cat", "sort", "head", NODE],
	argumentValidation: "literal",
};

/** All of an ended process's standard output, as bytes. */
async function bytesOf(server: TestServer, pid: number): Promise<Buffer> {
	const parts: Buffer[] = [];
	let cursor: string | undefined;
	for (;;) {
		const reply = await server.ok("process_get_output", {
			pid,
			cursor,
			encoding: "base64",
		});
		parts.push(Buffer.from(reply.stdout, "base64"));
		cursor = reply.cursor;
		if (!reply.truncated) return Buffer.concat(parts);
	}
}

describe("process_start's stdin", () => {
	it("reaches a program that reads to the end of its input", async () => {
		await using server = await TestServer.start(CONFIG);
		const { pid } = await server.ok("process_start", {
			executable: "sort",
			stdin: "b\nc\na\n",
			closeStdin: true,
		});
		expect(await server.waitForEnd(pid)).toMatchObject({ exitCode: 0 });
		expect(await server.outputOf(pid)).toEqual({
			stdout: "a\nb\nc\n",
			stderr: "",
		});
	});

	it("comes before what is sent later, and leaves the input open", async () => {
		await using server = await TestServer.start(CONFIG);
		const { pid } = await server.ok("process_start", {
			executable: "cat",
			stdin: "x".repeat(300_000),
		});
		await server.ok("process_send_stdin", { pid, data: "end", end: true });
		await server.waitForEnd(pid);
		expect((await bytesOf(server, pid)).toString()).toBe(
			`${"x".repeat(300_000)}end`,
		);
	});

	it("of 5 MB comes through whole", async () => {
		await using server = await TestServer.start(CONFIG);
		const text = "é日😀\n".repeat(500_000);
		const { pid } = await server.ok("process_start", {
			executable: "cat",
			stdin: text,
			closeStdin: true,
		});
		await server.waitForEnd(pid);
		expect((await bytesOf(server, pid)).equals(Buffer.from(text))).toBe(true);
	});

	it("ends at once with closeStdin alone, and takes no more", async () => {
		await using server = await TestServer.start(CONFIG);
		const { pid } = await server.ok("process_start", {
			executable: "cat",
			closeStdin: true,
		});
		expect(await server.waitForEnd(pid)).toMatchObject({ exitCode: 0 });
		expect(
			await server.fails("process_send_stdin", { pid, data: "x" }),
		).toMatchObject({
			code: "STDIN_NOT_AVAILABLE",
			message: expect.stringContaining("Process stdin not available"),
		});
	});
});

describe("process_send_stdin", () => {
	it("sends 5 MB through cat whole", async () => {
		await using server = await TestServer.start(CONFIG);
		const bytes = randomBytes(5_000_000);
		const { pid } = await server.ok("process_start", { executable: "cat" });
		expect(
			await server.ok("process_send_stdin", {
				pid,
				data: bytes.toString("base64"),
				encoding: "base64",
				end: true,
			}),
		).toMatchObject({ bytesWritten: bytes.length });
		await server.waitForEnd(pid);
		expect((await bytesOf(server, pid)).equals(bytes)).toBe(true);
	});

	it("keeps the order of many calls at once", async () => {
		await using server = await TestServer.start(CONFIG);
		const { pid } = await server.ok("process_start", { executable: "cat" });
		const parts = Array.from(
			{ length: 9 },
			(_, index) => `${index}:${"x".repeat(index * 20_000)}\n`,
		);
		await Promise.all(
			parts.map((data) => server.ok("process_send_stdin", { pid, data })),
		);
		await server.ok("process_send_stdin", { pid, end: true });
		await server.waitForEnd(pid);
		expect((await bytesOf(server, pid)).toString()).toBe(parts.join(""));
	});

	it("ends the input once, and says so to whoever writes after that", async () => {
		await using server = await TestServer.start(CONFIG);
		const { pid } = await server.ok("process_start", {
			executable: NODE,
			args: ["-e", "setInterval(() => {}, 60000)"],
		});
		expect(
			await server.ok("process_send_stdin", { pid, data: "x", end: true }),
		).toMatchObject({ bytesWritten: 1 });
		expect(
			await server.fails("process_send_stdin", { pid, data: "y" }),
		).toMatchObject({ code: "STDIN_NOT_AVAILABLE" });
		await server.ok("process_terminate", { pid, force: true });
	});

	it("notices a program that closed its input and runs on", async () => {
		await using server = await TestServer.start(CONFIG);
		const { pid } = await server.ok("process_start", {
			executable: NODE,
			args: [
				"-e",
				"require('fs').closeSync(0); console.log('closed'); setInterval(() => {}, 60000)",
			],
		});
		await server.waitForOutput(pid, "closed");
		expect(
			await server.fails("process_send_stdin", { pid, data: "x" }),
		).toMatchObject({ code: "STDIN_NOT_AVAILABLE" });
		expect(await server.ok("process_get_status", { pid })).toMatchObject({
			state: "running",
		});
		await server.ok("process_terminate", { pid, force: true });
	});

	const encoded: readonly (readonly [string, string, readonly number[]])[] = [
		["utf-8", "é\0", [0xc3, 0xa9, 0]],
		["base64", "AP+A", [0x00, 0xff, 0x80]],
		["base64", " AP\n+A ", [0x00, 0xff, 0x80]],
		["base64", "/w", [0xff]],
		["hex", "00fFc3", [0x00, 0xff, 0xc3]],
		["hex", "", []],
		["latin1", "é\u00ff", [0xe9, 0xff]],
	];

	it.each(encoded)(
		"turns %s %j into its bytes",
		async (encoding, data, bytes) => {
			await using server = await TestServer.start(CONFIG);
			const { pid } = await server.ok("process_start", { executable: "cat" });
			expect(
				await server.ok("process_send_stdin", {
					pid,
					data,
					encoding,
					end: true,
				}),
			).toMatchObject({ bytesWritten: bytes.length });
			await server.waitForEnd(pid);
			expect(await bytesOf(server, pid)).toEqual(Buffer.from(bytes));
		},
	);

	const invalid: readonly (readonly [string, string])[] = [
		["base64", "A"],
		["base64", "AP+A!"],
		["base64", "=AAA"],
		["hex", "0"],
		["hex", "0g"],
		["latin1", "€"],
		["utf-16", "x"],
	];

	it.each(invalid)("refuses data that isn't %s: %j", async (encoding, data) => {
		await using server = await TestServer.start(CONFIG);
		const { pid } = await server.ok("process_start", { executable: "cat" });
		expect(
			await server.fails("process_send_stdin", { pid, data, encoding }),
		).toMatchObject({ code: "INVALID_ARGUMENT" });
		await server.ok("process_send_stdin", { pid, data: "after", end: true });
		await server.waitForEnd(pid);
		expect((await bytesOf(server, pid)).toString()).toBe("after");
	});
});

describe("allowStdinInput: false", () => {
	it("refuses every way to write, and programs read the end of input", async () => {
		await using server = await TestServer.start({
			...CONFIG,
			allowStdinInput: false,
		});
		const refusal = {
			code: "SECURITY_VIOLATION",
			details: { violation: "stdin_not_allowed" },
			remediation: expect.stringContaining("allowStdinInput"),
		};
		expect(
			await server.fails("process_start", { executable: "cat", stdin: "x" }),
		).toMatchObject(refusal);
		expect(
			await server.fails("process_start", { executable: "cat", stdin: "" }),
		).toMatchObject(refusal);
		const { pid } = await server.ok("process_start", { executable: "cat" });
		expect(
			await server.fails("process_send_stdin", { pid, data: "x" }),
		).toMatchObject(refusal);
		expect(await server.waitForEnd(pid)).toMatchObject({ exitCode: 0 });
	});
});

describe("blockBinaryStdin", () => {
	const CLOSED = { ...CONFIG, blockBinaryStdin: true };
	const refusal = {
		code: "SECURITY_VIOLATION",
		details: { violation: "stdin_not_allowed" },
		remediation: expect.stringContaining("blockBinaryStdin"),
	};

	it.each([
		["NUL", "a\0b", "utf-8"],
		["NUL in base64", "AA==", "base64"],
		["bytes that are no UTF-8", "ff", "hex"],
		["half a character", "c3", "hex"],
		["latin1 letters", "é", "latin1"],
	])("refuses %s", async (_, data, encoding) => {
		await using server = await TestServer.start(CLOSED);
		const { pid } = await server.ok("process_start", { executable: "cat" });
		expect(
			await server.fails("process_send_stdin", { pid, data, encoding }),
		).toMatchObject(refusal);
		await server.ok("process_send_stdin", { pid, data: "tëxt\n", end: true });
		await server.waitForEnd(pid);
		expect((await bytesOf(server, pid)).toString()).toBe("tëxt\n");
	});

	it("refuses NUL in process_start's stdin, too", async () => {
		await using server = await TestServer.start(CLOSED);
		expect(
			await server.fails("process_start", {
				executable: "cat",
				stdin: "a\0b",
				closeStdin: true,
			}),
		).toMatchObject(refusal);
	});
});
