/**
 * A part of the suite: some test files, run one after the other by one `bun test`
 * of their own.
 */
export interface Part {
	readonly name: string;
	/** Why these files are together, and run as they do. */
	readonly reason: string;
	/** The files: patterns of paths below `test`. */
	readonly files: readonly string[];
	/** Beside many other parts, beside one other of its kind, or when nothing else runs. */
	readonly runs: "beside" | "in pairs" | "alone";
}

/**
 * The suite, divided; those that take longest come first. What no other part names
 * is the last one's: a new file runs alone until somebody knows that it can do
 * with less.
 */
export const PARTS: readonly Part[] = [
	{
		name: "units",
		reason: "no server but the code itself, in the test's own process",
		files: [
			...["*", "cli/*", "config/*", "platform/*", "process/*", "security/*"],
			...["suite/*", "supervision/*", "tools/*"],
		],
		runs: "beside",
	},
	{
		name: "trees",
		reason: "what is awkward to end; waits for graces and timeouts",
		files: [
			...["e2e/trees.*", "e2e/trees-groups*"],
			...["e2e/trees-hostile*", "e2e/trees-survivors*"],
		],
		runs: "beside",
	},
	{
		name: "services",
		reason: "services and pipelines; waits for health and restarts",
		files: [
			...["e2e/follow*", "e2e/groups*", "e2e/kernel-pipes*"],
			...["e2e/list-changed*", "e2e/pipelines*", "e2e/services*", "e2e/wait*"],
		],
		runs: "beside",
	},
	{
		name: "sessions",
		reason: "one client, one server, a few processes; waits for timeouts",
		files: [
			...["e2e/audit*", "e2e/bad-requests*", "e2e/client*"],
			...["e2e/command-line*", "e2e/configuration*", "e2e/confirmation*"],
			...["e2e/deadlines*", "e2e/input*", "e2e/output*", "e2e/protocol*"],
			...["e2e/session*", "e2e/terminate*"],
		],
		runs: "beside",
	},
	{
		name: "machines",
		reason:
			"other machines' programs, emulated, and the image with its base: minutes of making, no time is measured",
		files: ["release/image*", "release/machines*"],
		runs: "beside",
	},
	{
		name: "release",
		reason:
			"a whole release and the package for npm: minutes of building, no time is measured",
		files: ["release/archive*", "release/npm*", "release/release*"],
		runs: "beside",
	},
	{
		name: "wine",
		reason: "one folder and one server of wine's, which only one run can have",
		files: ["wine/*"],
		runs: "beside",
	},
	{
		name: "counters",
		reason:
			"sums that don't depend on how long something takes; waits for looks",
		files: ["e2e/figures-counters*", "e2e/limits.*"],
		runs: "beside",
	},
	{
		name: "races",
		reason:
			"processes that come and go, some with ids that come again within seconds; no time is measured",
		files: ["e2e/figures-races*", "e2e/trees-pids*", "e2e/trees-short*"],
		runs: "beside",
	},
	{
		name: "terminals",
		reason: "programs in terminals; waits for screens and questions",
		files: ["e2e/terminal*"],
		runs: "beside",
	},
	{
		name: "programs",
		reason:
			"real programs and hostile ones at the gate, and whether the benchmark works; no time is measured",
		files: [
			...["bench/*", "e2e/attack*", "e2e/child*", "e2e/hostile-folder*"],
			"e2e/exchanged*",
			...["e2e/check*", "e2e/policy*", "e2e/programs*", "e2e/remediation*"],
		],
		runs: "beside",
	},
	{
		name: "killed",
		reason:
			"hundreds of processes whose server is killed; bounds are ten times what it takes",
		files: ["e2e/trees-killed*"],
		runs: "beside",
	},
	{
		name: "resting",
		reason:
			"the CPU of a server that has much to look at and little to do; waits for it to settle",
		files: ["e2e/figures-cost*"],
		runs: "in pairs",
	},
	{
		name: "deadlines",
		reason:
			"meets deadlines of seconds, with nothing to do until they are there; waits for graces",
		files: ["e2e/life-cycle*", "e2e/robustness*", "e2e/stop-waits*"],
		runs: "in pairs",
	},
	{
		name: "measured",
		reason:
			"measures CPU, memory or time of a server, fills the machine, or counts control groups, which every server makes",
		files: [
			...["e2e/cancel*", "e2e/death*", "e2e/doctor*", "e2e/endurance*"],
			...["e2e/figures.*", "e2e/flood*", "e2e/limits-cpu*"],
			"e2e/limits-processes*",
			...["e2e/limits-memory*", "e2e/out-of-memory*", "e2e/trees-many*"],
			"e2e/trees-races*",
		],
		runs: "alone",
	},
	{
		name: "others",
		reason: "nobody has said yet what they can do with",
		files: [],
		runs: "alone",
	},
];

/**
 * Divides test files, paths below `test` with slashes, into parts; the last part
 * has what no other one names.
 *
 * @throws Error when a file is in two parts
 */
export function divide(
	files: readonly string[],
	parts: readonly Part[],
): Map<Part, readonly string[]> {
	const divided = new Map<Part, string[]>(parts.map((part) => [part, []]));
	for (const file of files) {
		const [part = parts.at(-1), ...more] = parts.filter((each) =>
			each.files.some((pattern) => new Bun.Glob(pattern).match(file)),
		);
		if (part === undefined || more.length > 0)
			throw new Error(
				`${file} is in ${[part, ...more].map((each) => each?.name).join(", ")}`,
			);
		divided.get(part)?.push(file);
	}
	return divided;
}

/** Patterns that no file has; they are of files that were moved or renamed. */
export function stale(
	files: readonly string[],
	parts: readonly Part[],
): string[] {
	return parts.flatMap((part) =>
		part.files.filter((pattern) => {
			const glob = new Bun.Glob(pattern);
			return !files.some((file) => glob.match(file));
		}),
	);
}
