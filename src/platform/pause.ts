import type { Handle } from "./kernel32.ts";

/** What suspends processes; the system's, or a recording of it. */
export interface Suspender {
	/** 0n where there is no such process, or it is not one of the tree. */
	open(pid: number): Handle;
	suspend(process: Handle): boolean;
	resume(process: Handle): void;
	close(process: Handle): void;
}

/**
 * A tree that is held up, as SIGSTOP does elsewhere. Suspensions are counted by
 * the system and each takes a resumption of its own, so that each member is
 * suspended once, however often that is asked for, and resumed once. One that is
 * held up stays open: its pid is not another's by then.
 */
export class Pause {
	readonly #suspended = new Map<number, Handle>();

	constructor(private readonly by: Suspender) {}

	/** Holds up those that aren't yet. */
	suspend(pids: readonly number[]): void {
		for (const pid of pids) {
			if (this.#suspended.has(pid)) continue;
			const process = this.by.open(pid);
			if (process === 0n) continue;
			if (this.by.suspend(process)) this.#suspended.set(pid, process);
			else this.by.close(process);
		}
	}

	/** Lets all go on. */
	resume(): void {
		for (const process of this.#suspended.values()) {
			this.by.resume(process);
			this.by.close(process);
		}
		this.#suspended.clear();
	}
}
