/** How a process ended, as the system tells it. */
export interface Exit {
	/** 128 + n for signal n, as a shell gives it. */
	readonly exitCode: number;
	readonly signal: string | null;
	/** Seconds of CPU, its waited-for children included. */
	readonly cpuSeconds: number;
	readonly peakMemoryBytes: number;
}

/** @param child has ended */
export function exitOf(child: Bun.Subprocess, exitCode: number): Exit {
	const usage = child.resourceUsage();
	const { signalCode } = child;
	return {
		exitCode,
		// A real-time signal has a number only.
		signal: typeof signalCode === "number" ? `SIG${signalCode}` : signalCode,
		cpuSeconds: usage ? Number(usage.cpuTime.total) / 1e6 : 0,
		peakMemoryBytes: usage?.maxRSS ?? 0,
	};
}
