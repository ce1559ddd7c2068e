import type { Listeners } from "./listeners.ts";
import type { ManagedProcess } from "./process.ts";
import { after, type Cancel } from "./timer.ts";

/**
 * Wakes one who waits for something of a process: new output, its end, or that
 * nobody wants the answer any more. Leaves nothing behind once disposed of.
 */
export class Watch implements Disposable {
	readonly #cancels: Cancel[];
	#hasChanged = false;
	#wake: () => void = () => {};

	/** @param more what else wakes */
	constructor(
		process: Pick<ManagedProcess, "stdout" | "stderr" | "changed">,
		readonly signal: AbortSignal,
		more?: Listeners,
	) {
		const notice = () => {
			this.#hasChanged = true;
			this.#wake();
		};
		signal.addEventListener("abort", notice);
		this.#cancels = [
			process.stdout.changed.add(notice),
			process.stderr.changed.add(notice),
			process.changed.add(notice),
			more?.add(notice) ?? (() => {}),
			() => signal.removeEventListener("abort", notice),
		];
	}

	/** Resolves at the next change, if there was none since the last call, or after `delay` milliseconds. */
	async next(delay: number): Promise<void> {
		if (!this.#hasChanged && !this.signal.aborted && delay > 0) {
			await new Promise<void>((resolve) => {
				const cancel = after(delay, resolve);
				this.#wake = () => {
					cancel();
					resolve();
				};
			});
			this.#wake = () => {};
		}
		this.#hasChanged = false;
	}

	[Symbol.dispose](): void {
		for (const cancel of this.#cancels) cancel();
	}
}
