import { availableParallelism } from "node:os";
import { resourceUsage as ownUsage } from "node:process";
import type { TreeSample, TreeTotals } from "../platform/platform.ts";
import type { Exit } from "./exit.ts";
import { History, type Point } from "./history.ts";

/** What a process's tree uses, or used before it ended. */
export interface Usage {
	/** 100 is one core; over the last second or so, at first since the start. */
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
const SHORTEST_INTERVAL = 500;
/** Milliseconds after which a new process surely has memory of its own. */
const SETTLING = 20;
const MB = 2 ** 20;
/** As much as the machine can do; asked once, as it is needed with every look. */
const MOST_PERCENT = availableParallelism() * 100;

interface Look {
	/** Milliseconds after the start. */
	readonly at: number;
	readonly cpuSeconds: number;
}

const START: Look = { at: 0, cpuSeconds: 0 };

/** What looks at one tree have shown so far. */
export class Figures {
	readonly #history = new History();
	/** Where CPU is measured from: the last look that is long enough ago, and later ones. */
	readonly #looks: Look[] = [START];
	#last: TreeSample | undefined;
	#peak: number | undefined;

	/**
	 * Takes in what a look saw.
	 *
	 * @param at milliseconds after the start
	 * @returns the percentage of CPU, not rounded
	 */
	note(sample: TreeSample, at: number): number {
		const { memoryBytes, processCount } = sample;
		this.#last = sample;
		// For a moment after vfork(2) the child still has this server's memory.
		if (at >= SETTLING)
			this.#peak = Math.max(
				this.#peak ?? 0,
				memoryBytes,
				sample.peakMemoryBytes ?? 0,
			);
		const cpuPercent = this.#cpuPercent(sample.cpuSeconds, at);
		const memoryMB = memoryBytes / MB;
		this.#history.add({ at, cpuPercent, memoryMB, processCount });
		return cpuPercent;
	}

	/**
	 * Takes in what a look saw, and says what is known after it.
	 *
	 * @param at milliseconds after the start
	 * @param exit of the first process, where others outlive it
	 */
	add(sample: TreeSample, at: number, exit?: Exit): Usage {
		return {
			cpuPercent: round(this.note(sample, at)),
			memoryMB: round(sample.memoryBytes / MB),
			threadCount: sample.threadCount,
			ioRead: sample.ioReadBytes,
			ioWrite: sample.ioWriteBytes,
			processCount: sample.processCount,
			cpuSeconds: round(Math.max(sample.cpuSeconds, exit?.cpuSeconds ?? 0)),
			peakMemoryMB: round((this.#peak ?? sample.memoryBytes) / MB),
		};
	}

	/** What was used in all, once nothing of it lives. */
	totals(exit: Exit | undefined, tree?: TreeTotals): Usage {
		// The kernel's figure begins with the memory of this server, which forked it.
		const told = exit?.peakMemoryBytes ?? 0;
		const peak = Math.max(this.#peak ?? 0, told > serverPeak() ? told : 0);
		const cpuSeconds = Math.max(
			exit?.cpuSeconds ?? 0,
			tree?.cpuSeconds ?? 0,
			this.#last?.cpuSeconds ?? 0,
		);
		// Of what was never looked at nobody knows.
		const { ioReadBytes, ioWriteBytes } = {
			...this.#last,
			...(this.#last && tree),
		};
		return {
			cpuPercent: 0,
			memoryMB: 0,
			threadCount: 0,
			ioRead: ioReadBytes,
			ioWrite: ioWriteBytes,
			processCount: 0,
			cpuSeconds: round(cpuSeconds),
			peakMemoryMB: peak > 0 ? round(peak / MB) : undefined,
		};
	}

	/** Oldest first. */
	history(): Point[] {
		return this.#history.points().map((point) => ({
			at: Math.round(point.at),
			cpuPercent: round(point.cpuPercent),
			memoryMB: round(point.memoryMB),
			processCount: point.processCount,
		}));
	}

	#cpuPercent(cpuSeconds: number, at: number): number {
		const looks = this.#looks;
		while (looks[1] && at - looks[1].at >= SHORTEST_INTERVAL) looks.shift();
		const base = looks[0] ?? START;
		const latest = looks.at(-1) ?? base;
		if (at - latest.at >= SHORTEST_INTERVAL / 4) looks.push({ at, cpuSeconds });
		const elapsed = at - base.at;
		if (elapsed <= 0) return 0;
		const percent = ((cpuSeconds - base.cpuSeconds) * 1000 * 100) / elapsed;
		// Right after the start one tick would be more than the machine can do.
		return Math.min(Math.max(0, percent), MOST_PERCENT);
	}
}

/** Bytes; getrusage(2) counts in kilobytes, of which macOS makes bytes. */
function serverPeak(): number {
	const { maxRSS } = ownUsage();
	return process.platform === "darwin" ? maxRSS : maxRSS * 1024;
}

function round(value: number): number {
	return Math.round(value * 100) / 100;
}
