import { type Held, holdDescendants, type Job, KILLED } from "./job.ts";
import { type Handle, isRunning, type Kernel32 } from "./kernel32.ts";

/** How the members of a tree are known. */
export interface Members {
	pids(): number[];
	/** Whether an open process is one: its pid alone could be another's by now. */
	has(pid: number, process: Handle): boolean;
	kill(): void;
	close(): void;
}

/**
 * Puts a process into a job, and then what it had started before: the runtime's
 * own job, which it is in from its start, lets such children out.
 */
export function fill(
	job: Job,
	kernel: Kernel32,
	held: Map<number, Held>,
): boolean {
	for (const { handle } of held.values())
		if (!job.add(handle) && isRunning(kernel, handle)) return false;
	holdDescendants(kernel, held);
	for (const { handle } of held.values()) if (!job.has(handle)) job.add(handle);
	return true;
}

export function jobMembers(job: Job): Members {
	return {
		pids: () => job.pids(),
		has: (_, process) => job.has(process),
		kill: () => job.kill(),
		close: () => job.close(),
	};
}

/** Without a job: what is found by its parent's pid, held so that no pid changes its meaning. */
export function heldMembers(
	kernel: Kernel32,
	held: Map<number, Held>,
): Members {
	const living = () => {
		holdDescendants(kernel, held);
		// One that has ended may still be the parent of those that live.
		return [...held].filter(([, { handle }]) => isRunning(kernel, handle));
	};
	return {
		pids: () => living().map(([pid]) => pid),
		has: (pid) => held.has(pid),
		kill() {
			for (const [, { handle }] of living())
				kernel.TerminateProcess(handle, KILLED);
		},
		close() {
			for (const { handle } of held.values()) kernel.CloseHandle(handle);
			held.clear();
		},
	};
}
