import type { Cancel } from "./timer.ts";

/** Who wants to know that something has changed; what it is they look at themselves. */
export class Listeners {
	readonly #all = new Set<() => void>();

	/** How many there are. */
	get size(): number {
		return this.#all.size;
	}

	/** Calls `listener` at every change, until that is cancelled. */
	add(listener: () => void): Cancel {
		// One of its own for each, as the same function may listen twice.
		const entry = () => listener();
		this.#all.add(entry);
		return () => this.#all.delete(entry);
	}

	/** Resolves at the next change. */
	next(): Promise<void> {
		return new Promise((resolve) => {
			const cancel = this.add(() => {
				cancel();
				resolve();
			});
		});
	}

	call(): void {
		for (const listener of this.#all) listener();
	}
}
