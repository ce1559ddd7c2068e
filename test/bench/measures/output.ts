import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { forgetPeak, peakMB, requireProc, residentMB } from "../figures.ts";
import type { Bench, Measure, Side } from "../measure.ts";
import { ended, runAll, start, timed } from "../processes.ts";
import { CAT, HEAD, smallWrites } from "../programs.ts";
import { beside } from "./launch.ts";

const GIGABYTE = 1e9;
const SMALL_WRITES = 200_000;
/** Short processes, how many of them at a time, and the bytes that each writes. */
const [SHORT, WIDTH, SHORT_OUTPUT] = [1000, 20, 20_000];

/** Milliseconds after the last of them until memory is looked at. */
const SETTLE = 10_000;

/** What maxOutputBufferSize is by default, in MB. */
const BUFFER_MB = 10;

function zeros(bytes: number): readonly string[] {
	return [HEAD, "-c", String(bytes), "/dev/zero"];
}

/** Runs a command under the server until it has ended; its output is then read. */
function captured({ session }: Bench, command: readonly string[]): Side {
	return () => timed(async () => ended(session, await start(session, command)));
}

/** How much of an amount a second, from the milliseconds that all of it takes. */
function perSecond(amount: number, side: Side): Side {
	return async () => (amount / (await side())) * 1000;
}

function shortCommand({ folder }: Bench): readonly string[] {
	const path = join(folder, "text");
	const line = `${"text of a line ".repeat(6).trimEnd()}\n`;
	writeFileSync(path, line.repeat(SHORT_OUTPUT).slice(0, SHORT_OUTPUT));
	return [CAT, path];
}

/** Much output, in large pieces, in small ones, and of many processes. */
export const output: readonly Measure[] = [
	{
		name: "capture",
		title: "1 GB of head -c captured; bare: a kernel pipe read",
		unit: "MB/s",
		runs: 5,
		targets: [{ is: "at least", value: 0.8, of: "bare" }],
		prepare(bench) {
			const bytes = bench.size(GIGABYTE);
			const command = zeros(bytes);
			const { bare, node } = beside(bench, { task: "read", command });
			const megabytes = bytes / 1e6;
			return {
				ours: perSecond(megabytes, captured(bench, command)),
				bare: bare && perSecond(megabytes, bare),
				node: node && perSecond(megabytes, node),
			};
		},
	},
	{
		name: "capture-memory",
		title: "memory that capturing 1 GB adds, at most",
		unit: "MB",
		runs: 1,
		targets: [{ is: "at most", value: 2 * BUFFER_MB + 16 }],
		prepare(bench) {
			requireProc();
			const { pid } = bench.session;
			const capture = captured(bench, zeros(bench.size(GIGABYTE)));
			return {
				async ours() {
					const before = residentMB(pid);
					forgetPeak(pid);
					await capture();
					return peakMB(pid) - before;
				},
			};
		},
	},
	{
		name: "small-writes",
		title: "20 MB in writes of 100 bytes captured",
		unit: "ms",
		runs: 5,
		targets: [{ is: "at most", value: 1.3, of: "bare" }],
		prepare(bench) {
			const command = smallWrites(bench.size(SMALL_WRITES));
			return {
				ours: captured(bench, command),
				...beside(bench, { task: "read", command }),
			};
		},
	},
	{
		name: "short-processes",
		title: `${SHORT} processes of 20 KB output, ${WIDTH} at a time`,
		unit: "a second",
		runs: 3,
		targets: [{ is: "at least", value: 0.6, of: "bare" }],
		prepare(bench) {
			const command = shortCommand(bench);
			const [count, width] = [bench.size(SHORT), WIDTH];
			const task = { task: "many", command, count, width } as const;
			const { bare, node } = beside(bench, task);
			return {
				ours: perSecond(count, () =>
					timed(() => runAll(bench.session, command, count, width)),
				),
				bare: bare && perSecond(count, bare),
				node: node && perSecond(count, node),
			};
		},
	},
	{
		name: "short-processes-memory",
		title: "memory that those have added, afterwards",
		unit: "MB",
		runs: 1,
		targets: [{ is: "at most", value: 20 }],
		prepare(bench) {
			requireProc();
			const { session } = bench;
			const command = shortCommand(bench);
			return {
				async ours() {
					const before = residentMB(session.pid);
					await runAll(session, command, bench.size(SHORT), WIDTH);
					await Bun.sleep(bench.size(SETTLE));
					return residentMB(session.pid) - before;
				},
			};
		},
	},
];
