/** Memory, CPU and wake-ups of one process, as Linux's /proc has them. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { NotMeasured } from "./measure.ts";

/** @throws NotMeasured where the system has no /proc */
export function requireProc(): void {
	if (process.platform !== "linux")
		throw new NotMeasured("not measured here", "it needs Linux's /proc");
}

function field(path: string, name: string): number {
	const text = readFileSync(path, "utf8");
	const value = new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(text)?.[1];
	if (value === undefined) throw new Error(`no ${name} in ${path}`);
	return Number(value);
}

/** MB, of 2^20 bytes. */
export function residentMB(pid: number): number {
	return field(`/proc/${pid}/status`, "VmRSS") / 1024;
}

/** Begins anew to look for the most that a process has; see proc_pid_clear_refs(5). */
export function forgetPeak(pid: number): void {
	writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

/** The most MB that it had since then. */
export function peakMB(pid: number): number {
	return field(`/proc/${pid}/status`, "VmHWM") / 1024;
}

/** USER_HZ, which is 100 on every machine that Bun runs on; see proc_pid_stat(5). */
const TICKS_PER_SECOND = 100;

/** Seconds of all its threads. */
function cpuSeconds(pid: number): number {
	const text = readFileSync(`/proc/${pid}/stat`, "utf8");
	const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
	return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Percent of one core over some milliseconds. */
export async function cpuPercent(pid: number, ms: number): Promise<number> {
	const [start, used] = [performance.now(), cpuSeconds(pid)];
	await Bun.sleep(ms);
	const seconds = (performance.now() - start) / 1000;
	return ((cpuSeconds(pid) - used) / seconds) * 100;
}

/** How often each thread has given up the processor of itself: each time something had woken it. */
function voluntarySwitches(pid: number): ReadonlyMap<string, number> {
	const threads = readdirSync(`/proc/${pid}/task`);
	return new Map(
		threads.flatMap((thread) => {
			const path = `/proc/${pid}/task/${thread}/status`;
			try {
				return [[thread, field(path, "voluntary_ctxt_switches")] as const];
			} catch {
				// It has ended since.
				return [];
			}
		}),
	);
}

/** How often something wakes a process's threads within some milliseconds. */
export async function wakes(pid: number, ms: number): Promise<number> {
	const before = voluntarySwitches(pid);
	await Bun.sleep(ms);
	// Thread by thread, as what an ended one had counted is gone.
	return [...voluntarySwitches(pid)].reduce(
		(sum, [thread, count]) => sum + count - (before.get(thread) ?? 0),
		0,
	);
}
