import { availableParallelism } from "node:os";
import { join, sep } from "node:path";
import { times } from "../support/random.ts";
import { type Outcome, summaryOf } from "./outcome.ts";
import { PartRun } from "./part-run.ts";
import { divide, type Part } from "./parts.ts";

/** What is run. */
export interface SuiteOptions {
	/** The folder that the test files are in. */
	readonly tests: string;
	readonly parts: readonly Part[];
	/** Pieces of paths: only files that have one of them; all where there are none. */
	readonly only: readonly string[];
	/** Milliseconds after which a part hangs. */
	readonly bound: number;
	readonly print: (text: string) => void;
}

/** Every test file, as a path below a folder, with slashes. */
export function testFiles(folder: string): string[] {
	return [...new Bun.Glob("**/*.test.ts").scanSync(folder)]
		.map((path) => path.replaceAll(sep, "/"))
		.sort();
}

/**
 * Runs the parts that can be beside each other, a few at a time, then those that
 * can be beside one other, and those that can't, one by one. The output of each is
 * printed when it ends, and at last the counts of all. SIGINT, SIGTERM and SIGHUP end every part, and fail it.
 *
 * @returns whether everything passed, and there was something
 */
export async function runSuite(options: SuiteOptions): Promise<boolean> {
	const { tests, parts, only, bound, print } = options;
	const running = new Set<PartRun>();
	let met: string | undefined;
	for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
		process.on(signal, () => {
			met = signal;
			for (const run of running) run.stop(`met ${signal}`);
		});

	const isAsked = (file: string) =>
		only.length === 0 || only.some((piece) => `test/${file}`.includes(piece));
	const asked = [...divide(testFiles(tests), parts)]
		.map(([part, files]) => ({ ...part, files: files.filter(isAsked) }))
		.filter(({ files }) => files.length > 0);

	const outcomes: Outcome[] = [];
	const runPart = async ({ name, files }: Part) => {
		if (met !== undefined) return;
		const run = new PartRun({
			name,
			folder: join(tests, ".."),
			files: files.map((file) => join(tests, file)),
			bound,
		});
		running.add(run);
		const { outcome, output } = await run.ended;
		running.delete(run);
		outcomes.push(outcome);
		print(`\n==== ${name} ====\n${output}`);
	};
	const runAll = async (kind: Part["runs"], width: number) => {
		const chosen = asked.filter(({ runs }) => runs === kind);
		await times(chosen.length, width, async (index) => {
			for (const part of chosen.slice(index, index + 1)) await runPart(part);
		});
	};
	// More than there are cores, as all of them wait half of the time.
	await runAll("beside", availableParallelism() + 2);
	await runAll("in pairs", 2);
	await runAll("alone", 1);

	for (const line of summaryOf(outcomes)) print(line);
	return (
		met === undefined &&
		outcomes.length > 0 &&
		outcomes.every(({ failed }) => failed === 0)
	);
}
