import { availableParallelism } from "node:os";
import { resourceUsage as ownUsage } from "node:process";
import type { TreeSample } from "../platform/platform.ts";
import type { ManagedProcess } from "./process.ts";

/** What a process's tree uses, or used before it ended. */
export interface Usage {
	/** 100 is one core; since the last look, at the first one since the start. */
	readonly cpuPercent: number;
	readonly memoryMB: number;
	readonly threadCount: number | undefined;
	/** Bytes. */
	readonly ioRead: number | undefined;
	readonly ioWrite: number | undefined;
	readonly processCount: number;
	readonly cpuSeconds: number;
	/** Undefined where it was never looked at. */
	readonly peakMemoryMB: number | undefined;
}

/** Milliseconds below which a difference of two looks says little: the kernel counts in ticks of 10 ms. */
const SHORTEST_INTERVAL = 250;
/** Milliseconds after which a new process surely has memory of its own. */
const SETTLING = 20;
const MB = 2 ** 20;

interface Look {
	/** Milliseconds of the monotonic clock. */
	readonly at: number;
	readonly sample: TreeSample;
	readonly cpuPercent: number;
}

/** Looks at the trees of processes and remembers what it saw. */
export class Monitor {
	readonly #looks = new WeakMap<ManagedProcess, Look>();
	readonly #peaks = new WeakMap<ManagedProcess, number>();

	/** The usage of a process's tree now, or, once it has ended, its totals. */
	async usage(process: ManagedProcess): Promise<Usage> {
		const sample = await process.tree.sample();
		if (process.status.state !== "running" && !sample)
			return this.#totals(process);
		const look = sample && this.#look(process, sample);
		return {
			cpuPercent: round(look?.cpuPercent ?? 0),
			memoryMB: round((sample?.memoryBytes ?? 0) / MB),
			threadCount: sample?.threadCount,
			ioRead: sample?.ioReadBytes,
			ioWrite: sample?.ioWriteBytes,
			processCount: sample?.processCount ?? 0,
			cpuSeconds: round(sample?.cpuSeconds ?? 0),
			peakMemoryMB: round(
				(this.#peaks.get(process) ?? sample?.memoryBytes ?? 0) / MB,
			),
		};
	}

	#look(process: ManagedProcess, sample: TreeSample): Look {
		const at = performance.now();
		const before = this.#looks.get(process);
		// For a moment after vfork(2) the child still has this server's memory.
		const isItsOwn = process.uptime >= SETTLING || this.#peaks.has(process);
		const peak = Math.max(this.#peaks.get(process) ?? 0, sample.memoryBytes);
		if (isItsOwn) this.#peaks.set(process, peak);
		if (before && at - before.at < SHORTEST_INTERVAL) return before;
		const elapsed = before ? at - before.at : process.uptime;
		const used = sample.cpuSeconds - (before?.sample.cpuSeconds ?? 0);
		const percent =
			elapsed > 0 ? (Math.max(0, used) * 1000 * 100) / elapsed : 0;
		// Right after the start one tick would be more than the machine can do.
		const cpuPercent = Math.min(percent, availableParallelism() * 100);
		const look = { at, sample, cpuPercent };
		this.#looks.set(process, look);
		return look;
	}

	#totals(process: ManagedProcess): Usage {
		const { status } = process;
		const exit = status.state === "running" ? undefined : status.exit;
		const last = this.#looks.get(process)?.sample;
		// The kernel's figure begins with the memory of this server, which forked it.
		const told = exit?.peakMemoryBytes ?? 0;
		const peak = Math.max(
			this.#peaks.get(process) ?? 0,
			told > serverPeak() ? told : 0,
		);
		return {
			cpuPercent: 0,
			memoryMB: 0,
			threadCount: 0,
			ioRead: last?.ioReadBytes,
			ioWrite: last?.ioWriteBytes,
			processCount: 0,
			cpuSeconds: round(Math.max(exit?.cpuSeconds ?? 0, last?.cpuSeconds ?? 0)),
			peakMemoryMB: peak > 0 ? round(peak / MB) : undefined,
		};
	}
}

/** Bytes; getrusage(2) counts in kilobytes. */
function serverPeak(): number {
	return ownUsage().maxRSS * 1024;
}

function round(value: number): number {
	return Math.round(value * 100) / 100;
}
