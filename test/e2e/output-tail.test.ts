import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { randomBytes } from "node:crypto";
import { catOf } from "../support/output.ts";
import { TestServer } from "../support/server.ts";

setDefaultTimeout(60_000);

const CAT = { allowedExecutables: ["cat"] };

describe("tailLines", () => {
	const cases: readonly (readonly [string, number, string])[] = [
		["a\nb\nc\n", 1, "c\n"],
		["a\nb\nc", 1, "c"],
		["a\nb\nc\n", 2, "b\nc\n"],
		["a\nb\nc\n", 3, "a\nb\nc\n"],
		["a\nb\nc\n", 99, "a\nb\nc\n"],
		["a\n\n\n", 2, "\n\n"],
		["", 5, ""],
		["no newline", 5, "no newline"],
		["日本\n語\n", 1, "語\n"],
	];

	it.each(cases)("of %j, %d: %j", async (text, tailLines, tail) => {
		await using server = await TestServer.start(CAT);
		const pid = await catOf(server, text);
		expect(
			await server.ok("process_get_output", { pid, tailLines }),
		).toMatchObject({ stdout: tail, truncated: false });
	});

	it("gives the newest bytes of lines that are too long for a reply, and says so", async () => {
		await using server = await TestServer.start(CAT);
		const pid = await catOf(server, `first\n${"日".repeat(1000)}end\n`);
		const reply = await server.ok("process_get_output", {
			pid,
			tailLines: 1,
			maxBytes: 20,
		});
		expect(reply.truncated).toBe(true);
		expect(reply.stdout).toMatch(/^日*end\n$/);
		expect(Buffer.byteLength(reply.stdout)).toBeLessThanOrEqual(20);
	});

	it("reads on from its cursor with nothing lost or repeated", async () => {
		await using server = await TestServer.start(CAT);
		const { pid } = await server.ok("process_start", { executable: "cat" });
		await server.ok("process_send_stdin", { pid, data: "a\nb\n" });
		await server.waitForOutput(pid, "b\n");
		const tail = await server.ok("process_get_output", { pid, tailLines: 1 });
		expect(tail.stdout).toBe("b\n");
		await server.ok("process_send_stdin", { pid, data: "c\n", end: true });
		await server.waitForEnd(pid);
		expect(
			await server.ok("process_get_output", { pid, cursor: tail.cursor }),
		).toMatchObject({ stdout: "c\n" });
	});
});

describe("captureOutput: false", () => {
	it("discards output without holding the program up, and says so to a reader", async () => {
		await using server = await TestServer.start(CAT);
		const pid = await catOf(server, randomBytes(1_000_000), {
			captureOutput: false,
		});
		expect(await server.fails("process_get_output", { pid })).toMatchObject({
			code: "OUTPUT_NOT_CAPTURED",
		});
		expect(await server.ok("process_get_status", { pid })).toMatchObject({
			state: "stopped",
			termination: { cause: "exited" },
		});
	});
});

describe("allowOutputCapture: false", () => {
	it("discards output unless asked for, and refuses to be asked", async () => {
		await using server = await TestServer.start({
			...CAT,
			allowOutputCapture: false,
		});
		const pid = await catOf(server, "text");
		expect(await server.fails("process_get_output", { pid })).toMatchObject({
			code: "OUTPUT_NOT_CAPTURED",
			remediation: expect.stringContaining("allowOutputCapture"),
		});
		expect(
			await server.fails("process_start", {
				executable: "cat",
				captureOutput: true,
			}),
		).toMatchObject({
			code: "SECURITY_VIOLATION",
			details: { violation: "output_not_allowed" },
		});
		await catOf(server, "text", { captureOutput: false });
	});
});
