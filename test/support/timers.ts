/** Counts the timers that are set and neither over nor cleared, from its making until it is disposed of. */
export class TimerCount implements Disposable {
	readonly #set = globalThis.setTimeout;
	readonly #clear = globalThis.clearTimeout;
	readonly #open = new Set<unknown>();

	constructor() {
		globalThis.setTimeout = new Proxy(this.#set, {
			apply: (set, _, [action, ...rest]) => {
				const timer = set(
					(...args: unknown[]) => {
						this.#open.delete(timer);
						action(...args);
					},
					...(rest as [number]),
				);
				this.#open.add(timer);
				return timer;
			},
		});
		globalThis.clearTimeout = new Proxy(this.#clear, {
			apply: (clear, _, [timer]) => {
				this.#open.delete(timer);
				clear(timer);
			},
		});
	}

	get open(): number {
		return this.#open.size;
	}

	[Symbol.dispose](): void {
		globalThis.setTimeout = this.#set;
		globalThis.clearTimeout = this.#clear;
	}
}
