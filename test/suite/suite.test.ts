import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { eventually, isAlive, Scratch } from "../support/server.ts";
import type { Part } from "./parts.ts";

setDefaultTimeout(60_000);

const PARTS: readonly Part[] = [
	{ name: "beside", reason: "", files: ["a*"], runs: "beside" },
	{ name: "first of a pair", reason: "", files: ["c*"], runs: "in pairs" },
	{ name: "second of a pair", reason: "", files: ["d*"], runs: "in pairs" },
	{ name: "alone", reason: "", files: [], runs: "alone" },
];

const test = (body: string) => `
	import { it } from "bun:test";
	import { writeFileSync } from "node:fs";
	it("is made up", async () => { ${body} }, 600_000);
`;

/** Runs a made-up suite as a program, as npm does. */
class MadeUpSuite extends Scratch {
	start(sources: Readonly<Record<string, string>>, only: readonly string[]) {
		mkdirSync(join(this.path, "test"));
		for (const [name, text] of Object.entries(sources))
			this.write(`test/${name}.test.ts`, text);
		const options = JSON.stringify({
			tests: join(this.path, "test"),
			parts: PARTS,
			only,
			bound: 60_000,
		});
		const program = this.write(
			"run.ts",
			`import { runSuite } from ${JSON.stringify(join(import.meta.dir, "suite.ts"))};
			const print = (text: string) => console.log(text);
			process.exit((await runSuite({ ...${options}, print })) ? 0 : 1);`,
		);
		return Bun.spawn([process.execPath, program], {
			stdio: ["ignore", "pipe", "inherit"],
		});
	}

	/** Runs it to its end. */
	async run(
		sources: Readonly<Record<string, string>>,
		...only: readonly string[]
	) {
		const child = this.start(sources, only);
		const lines = (await child.stdout.text()).trimEnd().split("\n");
		return { lines, code: await child.exited };
	}
}

describe("the suite", () => {
	it("ends in the counts of all parts, each with its output in one piece", async () => {
		using suite = new MadeUpSuite();
		const { lines, code } = await suite.run({ a: test(""), b: test("") });
		expect(code).toBe(0);
		expect(lines.at(-1)).toBe("2 passed, 0 failed");
		const titles = lines.filter((line) => line.startsWith("===="));
		expect(titles).toEqual(["==== beside ====", "==== alone ===="]);
	});

	it("fails with any of its parts", async () => {
		using suite = new MadeUpSuite();
		const sources = { a: "process.exit(0);", b: test("") };
		const { lines, code } = await suite.run(sources);
		expect(code).toBe(1);
		expect(lines.at(-1)).toBe("1 passed, 1 failed");
	});

	it("runs files by a piece of their path, and fails where there are none", async () => {
		const sources = { a: test("throw 1"), b: test("") };
		{
			using suite = new MadeUpSuite();
			const { lines, code } = await suite.run(sources, "test/b");
			expect([lines.at(-1), code]).toEqual(["1 passed, 0 failed", 0]);
		}
		using suite = new MadeUpSuite();
		const { lines, code } = await suite.run(sources, "test/c");
		expect([lines.at(-1), code]).toEqual(["0 passed, 0 failed", 1]);
	});

	it("runs what has to be alone when all others have ended", async () => {
		using suite = new MadeUpSuite();
		const trace = JSON.stringify(join(suite.path, "trace"));
		const { code } = await suite.run({
			a1: test(`await Bun.sleep(300); writeFileSync(${trace}, "ended");`),
			b: test(`if (!(await Bun.file(${trace}).exists())) throw 1;`),
		});
		expect(code).toBe(0);
	});

	it("runs what can be beside one other with that, and with nothing else", async () => {
		using suite = new MadeUpSuite();
		const file = (name: string) => JSON.stringify(join(suite.path, name));
		const meet = (own: string, other: string) =>
			test(
				`if (!(await Bun.file(${file("ended")}).exists())) throw 1;
				writeFileSync(${file(own)}, "");
				while (!(await Bun.file(${file(other)}).exists())) await Bun.sleep(10);`,
			);
		const { lines, code } = await suite.run({
			a: test(`await Bun.sleep(300); writeFileSync(${file("ended")}, "");`),
			c: meet("c", "d"),
			d: meet("d", "c"),
		});
		expect([lines.at(-1), code]).toEqual(["3 passed, 0 failed", 0]);
	});

	it.skipIf(process.platform === "win32")(
		"ends every part when it is interrupted, and starts no other",
		async () => {
			using suite = new MadeUpSuite();
			const trace = join(suite.path, "trace");
			const hang = test(
				`writeFileSync(${JSON.stringify(trace)}, String(process.pid)); await new Promise(() => setInterval(() => {}, 1e6));`,
			);
			const child = suite.start({ a: hang, b: test("") }, []);
			const pid = await eventually(async () => {
				const file = Bun.file(trace);
				return (await file.exists()) ? Number(await file.text()) : undefined;
			}, "the part to run");
			child.kill("SIGINT");
			expect(await child.exited).toBe(1);
			expect(isAlive(pid)).toBe(false);
			const lines = (await child.stdout.text()).trimEnd().split("\n");
			expect(lines.at(-1)).toBe("0 passed, 1 failed");
			expect(lines).toContain("beside: met SIGINT");
		},
	);
});
