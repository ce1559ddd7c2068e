import { describe, expect, it } from "bun:test";
import { processSendStdin } from "../../src/tools/io.ts";
import { processGetOutput } from "../../src/tools/output.ts";
import { callTool, succeeds } from "../support/call.ts";
import { eventually } from "../support/server.ts";
import { Table, textOf } from "../support/table.ts";

const POSIX = process.platform !== "win32";

describe.skipIf(!POSIX)("process_send_stdin", () => {
	it.each([
		["utf-8", "é😀\n", "c3a9f09f98800a"],
		["hex", "00fF80", "00ff80"],
		["base64", "AP+A", "00ff80"],
		["base64", "AP8=", "00ff"],
		["base64", "AP8", "00ff"],
		["base64", "AP+A\nAP+A\n", "00ff8000ff80"],
		["latin1", "\u0000\u00ff", "00ff"],
		["utf-8", "", ""],
	])("in %s takes %j for the bytes %s", async (encoding, data, expected) => {
		await using table = await Table.open();
		const { pid } = await table.start("/bin/cat");
		expect(
			await succeeds(
				processSendStdin,
				{ pid, data, encoding, end: true },
				table.manager,
			),
		).toEqual({ status: "success", bytesWritten: expected.length / 2 });
		const process = table.manager.get(pid);
		await process.ended;
		const { bytes } = process.stdout.read(0, 100);
		expect(Buffer.from(bytes).toString("hex")).toBe(expected);
	});

	it.each([
		["hex", "0"],
		["hex", "0g"],
		["hex", "00 ff"],
		["base64", "A"],
		["base64", "AP*A"],
		["base64", "AP8=AP8="],
		["base64", "===="],
		["latin1", "€"],
	])("in %s refuses %j, and writes nothing", async (encoding, data) => {
		await using table = await Table.open();
		const { pid, stdin } = await table.start("/bin/cat");
		const { body } = await callTool(
			processSendStdin,
			{ pid, data, encoding },
			table.manager,
		);
		expect(body).toMatchObject({
			code: "INVALID_ARGUMENT",
			details: { field: "data" },
		});
		expect(stdin?.closed).toBe(false);
		expect(table.resultsOf(pid)).toEqual(["launch: started"]);
	});

	it.each(["base64", "hex", "latin1"])(
		"in %s judges a long text in time that grows with its length alone",
		async (encoding) => {
			await using table = await Table.open();
			const { pid } = await table.start("/bin/cat");
			const data = `${" ".repeat(200_000)}€`;
			const before = performance.now();
			const { body } = await callTool(
				processSendStdin,
				{ pid, data, encoding },
				table.manager,
			);
			expect(body).toMatchObject({ code: "INVALID_ARGUMENT" });
			expect(performance.now() - before).toBeLessThan(3000);
		},
		120_000,
	);

	it("with end returns within its time, though the process reads nothing", async () => {
		await using table = await Table.open();
		const { pid } = await table.sleeper({ stdin: "x".repeat(2 ** 20) });
		const answer = succeeds(
			processSendStdin,
			{ pid, data: "", end: true },
			table.manager,
		).then(() => "answered");
		const late = Bun.sleep(25_000).then(() => "not answered");
		expect(await Promise.race([answer, late])).toBe("answered");
	}, 60_000);
});

describe.skipIf(!POSIX)("process_get_output", () => {
	it("gives what was written, and how it ended", async () => {
		await using table = await Table.open();
		const process = await table.start("/bin/sh", [
			"-c",
			"echo out; echo err >&2; exit 3",
		]);
		await process.ended;
		const { pid } = process;
		expect(await succeeds(processGetOutput, { pid }, table.manager)).toEqual({
			status: "success",
			pid,
			state: "crashed",
			stdout: "out\n",
			stderr: "err\n",
			stdoutBytes: 4,
			stderrBytes: 4,
			cursor: "4.4",
			dropped: { stdout: 0, stderr: 0 },
			truncated: false,
			termination: {
				cause: "exited",
				exitCode: 3,
				signal: null,
				message: "exited with code 3",
				endedAt: expect.any(String),
			},
		});
	});

	it("holds no more than maxResponseSize, whatever is asked for, and goes on by cursor", async () => {
		await using table = await Table.open({ maxResponseSize: 256 });
		const process = await table.start("/usr/bin/seq", ["1", "1000"]);
		await process.ended;
		let text = "";
		let cursor: unknown;
		let truncated: unknown = true;
		while (truncated) {
			const reply = await succeeds(
				processGetOutput,
				{
					pid: process.pid,
					maxBytes: 1_000_000,
					...(cursor !== undefined && { cursor }),
				},
				table.manager,
			);
			expect(String(reply.stdout).length).toBeLessThanOrEqual(256);
			text += String(reply.stdout);
			({ cursor, truncated } = reply);
		}
		expect(text).toBe(textOf(process));
	});

	it.each([
		{ cursor: "garbage" },
		{ cursor: "999999.0" },
		{ cursor: "0.999999" },
		{ cursor: 7 },
		{ tailLines: 0 },
		{ maxBytes: 0 },
		{ stream: "stdin" },
		{ encoding: "utf-16" },
	])("refuses %j", async (input) => {
		await using table = await Table.open();
		const { pid } = await table.start("/bin/true");
		const { body } = await callTool(
			processGetOutput,
			{ pid, ...input },
			table.manager,
		);
		expect(body).toMatchObject({
			code: "INVALID_ARGUMENT",
			details: { field: Object.keys(input)[0] },
		});
	});

	it("has none of a process whose output is discarded", async () => {
		await using table = await Table.open();
		const { pid } = await table.sleeper({ captureOutput: false });
		const { body } = await callTool(processGetOutput, { pid }, table.manager);
		expect(body).toMatchObject({ code: "OUTPUT_NOT_CAPTURED" });
	});

	it("gives each byte to one who follows, while it is written", async () => {
		await using table = await Table.open({ maxResponseSize: 300 });
		const process = await table.start("/bin/sh", [
			"-c",
			"for i in $(seq 300); do echo é$i; echo ü$i >&2; done",
		]);
		let [stdout, stderr, cursor] = ["", "", "0.0"];
		await eventually(async () => {
			const reply = await succeeds(
				processGetOutput,
				{ pid: process.pid, cursor },
				table.manager,
			);
			stdout += reply.stdout;
			stderr += reply.stderr;
			cursor = String(reply.cursor);
			const done = reply.state !== "running" && reply.truncated === false;
			return done ? true : undefined;
		}, "the end of the output");
		const lines = (letter: string) =>
			Array.from({ length: 300 }, (_, i) => `${letter}${i + 1}\n`).join("");
		expect(stdout).toBe(lines("é"));
		expect(stderr).toBe(lines("ü"));
	});
});
