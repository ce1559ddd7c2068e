import { readFileSync } from "node:fs";

/**
 * Whether the kernel has lately ended a process for want of memory (proc_vmstat(5):
 * oom_kill), wherever in the machine: it tells nobody which one.
 */
export class OomWatch {
	/** Counts of the last two looks; the older one, so that a look just after it hides nothing. */
	#before = count();
	#last = this.#before;

	/** To be called about once a second while something runs. */
	look(): void {
		this.#before = this.#last;
		this.#last = count();
	}

	/** Whether it happened since the look before the last one. */
	get hasHappened(): boolean {
		return count() > this.#before;
	}
}

function count(): number {
	try {
		const text = readFileSync("/proc/vmstat", "utf8");
		return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
	} catch {
		return 0;
	}
}
