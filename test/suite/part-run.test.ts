import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { join } from "node:path";
import { eventually, isAlive, Scratch } from "../support/server.ts";
import { outcomeOf, summaryOf } from "./outcome.ts";
import { PartRun } from "./part-run.ts";

setDefaultTimeout(60_000);

const PASS = 'import { it } from "bun:test"; it("does", () => {});\n';
const FAIL =
	'import { it } from "bun:test"; it("does not", () => { throw 1; });\n';
const CRASH = "process.kill(process.pid, 'SIGKILL');\n";
const EXIT = "process.exit(0);\n";
const HANG = (trace: string) => `
	import { it } from "bun:test";
	import { writeFileSync } from "node:fs";
	it("hangs", async () => {
		const wait = [process.execPath, "-e", "setTimeout(() => {}, 6e5)"];
		const child = Bun.spawn(wait, { stdin: "ignore" });
		writeFileSync(${JSON.stringify(trace)}, String(child.pid));
		process.on("SIGTERM", () => {});
		await child.exited;
	}, 600_000);
`;

/** Runs made-up test files as one part. */
function runOf(
	scratch: Scratch,
	sources: Readonly<Record<string, string>>,
	bound = 60_000,
): PartRun {
	const files = Object.entries(sources).map(([name, text]) =>
		scratch.write(`${name}.test.ts`, text),
	);
	return new PartRun({ name: "made up", folder: scratch.path, files, bound });
}

describe("a part of the suite", () => {
	it("is told with its counts, its faults and all its output", async () => {
		using scratch = new Scratch();
		const run = runOf(scratch, { first: PASS, second: FAIL, third: PASS });
		const { outcome, output } = await run.ended;
		expect(outcome).toMatchObject({ passed: 2, failed: 1, skipped: 0 });
		expect(outcome.faults).toEqual([
			expect.stringMatching(/^\(fail\) does not/),
		]);
		expect(output).toContain("Ran 3 tests across 3 files");
	});

	it.skipIf(process.platform === "win32")(
		"has failed when it crashed, whatever passed before",
		async () => {
			using scratch = new Scratch();
			const run = runOf(scratch, { a: PASS, b: CRASH });
			const { outcome } = await run.ended;
			expect(outcome).toMatchObject({
				failed: 1,
				faults: ["ended by SIGKILL"],
			});
		},
	);

	it("has failed when it ended early, also with 0", async () => {
		using scratch = new Scratch();
		const { outcome } = await runOf(scratch, { a: PASS, b: EXIT }).ended;
		expect(outcome.failed).toBe(1);
	});

	it("has failed when it hangs, and is ended with what it started", async () => {
		using scratch = new Scratch();
		const trace = join(scratch.path, "pid");
		const run = runOf(scratch, { a: HANG(trace) }, 600_000);
		let child = 0;
		try {
			child = await eventually(async () => {
				const file = Bun.file(trace);
				const text = (await file.exists()) ? await file.text() : "";
				// It is there before it is written.
				return Number(text) || undefined;
			}, "the test to hang");
			expect(isAlive(child)).toBe(true);
		} finally {
			await run.stop("hangs");
		}
		const { outcome } = await run.ended;
		expect(outcome).toMatchObject({ failed: 1, faults: ["hangs"] });
		await eventually(
			() => (isAlive(child) ? undefined : true),
			"what it started to end",
		);
	});

	it("is ended after its bound", async () => {
		using scratch = new Scratch();
		const endless =
			'import { it } from "bun:test"; it("is endless", () => new Promise(() => setInterval(() => {}, 1e6)), 600_000);\n';
		const { outcome } = await runOf(scratch, { a: endless }, 1000).ended;
		expect(outcome.faults).toEqual(["hangs: ended after 1 s"]);
		expect(outcome.failed).toBe(1);
	});
});

describe("an outcome", () => {
	const CLOSING = " 8 pass\n 1 skip\n 0 fail\n";

	it.each([
		["all passed", CLOSING, 0, 8, 0],
		["some failed", " 7 pass\n 2 fail\n", 1, 7, 2],
		["errors are failures", " 7 pass\n 2 fail\n 1 error\n", 1, 7, 3],
		["a code of failure is one", CLOSING, 1, 8, 1],
		["no counts are one", "", 0, 0, 1],
		["an end without code is one", CLOSING, "ended by SIGSEGV", 8, 1],
		["colours are not read", "\u001b[32m 8 pass\u001b[0m\n", 0, 8, 0],
		["lines may end as on Windows", " 8 pass\r\n 0 fail\r\n", 0, 8, 0],
	])("%s", (_, output, end, passed, failed) => {
		expect(outcomeOf("a", 1, output, end)).toMatchObject({ passed, failed });
	});

	it("is summed up with all others, each fault on a line", () => {
		const lines = summaryOf([
			outcomeOf("a", 12, `(fail) x > y [2ms]\n 7 pass\n 1 fail\n`, 1),
			outcomeOf("b", 3, CLOSING, 0),
			outcomeOf("c", 3, "", "hangs"),
		]);
		expect(lines).toEqual([
			"a: 7 passed, 1 failed, 0 skipped in 12 s",
			"b: 8 passed, 0 failed, 1 skipped in 3 s",
			"c: 0 passed, 1 failed, 0 skipped in 3 s",
			"a: (fail) x > y [2ms]",
			"c: hangs",
			"1 skipped",
			"15 passed, 2 failed",
		]);
	});
});
