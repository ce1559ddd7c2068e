/** How a part ended. */
export interface Outcome {
	readonly name: string;
	readonly seconds: number;
	readonly passed: number;
	readonly skipped: number;
	/** Tests that failed, and errors outside of tests; at least 1 where the part did not come to its end. */
	readonly failed: number;
	/** The lines of the tests that failed, and what else went wrong. */
	readonly faults: readonly string[];
}

/** How the process of a part ended: its exit code, or why it has none. */
export type End = number | string;

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours
const COLOURS = /\x1b\[[\d;]*m/g;

/** What a part's output and end say together. */
export function outcomeOf(
	name: string,
	seconds: number,
	output: string,
	end: End,
): Outcome {
	const lines = output.replace(COLOURS, "").split(/\r?\n/);
	const count = (what: RegExp): number | undefined => {
		const counts = lines.flatMap((line) => what.exec(line)?.[1] ?? []);
		return counts.length === 0 ? undefined : Number(counts.at(-1));
	};
	const passed = count(/^ *(\d+) pass$/);
	const failed =
		(count(/^ *(\d+) fail$/) ?? 0) + (count(/^ *(\d+) errors?$/) ?? 0);
	// Long runs repeat them at their end.
	const faults = [
		...new Set(lines.filter((line) => line.startsWith("(fail) "))),
	];
	if (typeof end === "string") faults.push(end);
	else if (passed === undefined) faults.push(`ended with ${end}, not counted`);
	else if (end !== 0 && failed === 0) faults.push(`ended with ${end}`);
	const isWhole = typeof end === "number" && passed !== undefined;
	return {
		name,
		seconds,
		passed: passed ?? 0,
		skipped: count(/^ *(\d+) skip$/) ?? 0,
		failed: isWhole && (end === 0 || failed > 0) ? failed : failed + 1,
		faults,
	};
}

/** The suite's last lines; the very last one has the counts. */
export function summaryOf(outcomes: readonly Outcome[]): string[] {
	const sum = (key: "passed" | "skipped" | "failed") =>
		outcomes.reduce((total, outcome) => total + outcome[key], 0);
	return [
		...outcomes.map(
			({ name, seconds, passed, failed, skipped }) =>
				`${name}: ${passed} passed, ${failed} failed, ${skipped} skipped in ${Math.round(seconds)} s`,
		),
		...outcomes.flatMap(({ name, faults }) =>
			faults.map((fault) => `${name}: ${fault}`),
		),
		`${sum("skipped")} skipped`,
		`${sum("passed")} passed, ${sum("failed")} failed`,
	];
}
