import { readdirSync, readFileSync } from "node:fs";

/** What some processes use, as /proc has it. */
export interface ProcFigures {
	/** Their own, without children's. */
	readonly cpuSeconds: number;
	readonly memoryMB: number;
	readonly threads: number;
	readonly ioRead: number;
	readonly ioWrite: number;
}

const TICKS_PER_SECOND = Number(
	Bun.spawnSync(["getconf", "CLK_TCK"]).stdout.toString(),
);

function read(pid: number, name: string): string {
	return readFileSync(`/proc/${pid}/${name}`, "utf8");
}

/** The number after a name and a colon. */
function field(text: string, name: string): number {
	const value = new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(text)?.[1];
	if (value === undefined) throw new Error(`no ${name} in ${text}`);
	return Number(value);
}

/**
 * Bytes of memory that a process has now.
 * @param name a line of /proc/PID/status: VmRSS with files' pages, which come and go, RssAnon without
 */
export function memoryOf(
	pid: number,
	name: "VmRSS" | "RssAnon" = "VmRSS",
): number {
	return field(read(pid, "status"), name) * 1024;
}

/** CPU seconds of a process's own. */
export function cpuSecondsOf(pid: number): number {
	const text = read(pid, "stat");
	const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
	return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Resident memory, counted page by page; shared pages in each. */
export function memoryMBOf(pid: number): number {
	return field(read(pid, "smaps_rollup"), "Rss") / 1024;
}

/** Of the processes together; each of them must live. */
export function figuresOf(pids: readonly number[]): ProcFigures {
	const sum = (one: (pid: number) => number) =>
		pids.reduce((total, pid) => total + one(pid), 0);
	return {
		cpuSeconds: sum(cpuSecondsOf),
		memoryMB: sum(memoryMBOf),
		threads: sum((pid) => readdirSync(`/proc/${pid}/task`).length),
		ioRead: sum((pid) => field(read(pid, "io"), "rchar")),
		ioWrite: sum((pid) => field(read(pid, "io"), "wchar")),
	};
}

/** Whether two figures agree to a part of them or to an absolute difference. */
export function differs(
	shown: number,
	real: number,
	absolute: number,
	part = 0.05,
): boolean {
	return Math.abs(shown - real) > Math.max(absolute, real * part);
}
