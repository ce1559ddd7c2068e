import { settlesWithin } from "./process/timer.ts";

/** Where text is written: a `Bun.FileSink`, or what does the same. */
export interface Sink {
	/** What it gives is awaited; throws or rejects when the reader is gone. */
	write(text: string): unknown;
	/** What it gives is awaited: then all that was written is in the pipe. Throws or rejects as `write`. */
	flush(): unknown;
}

interface Outgoing {
	readonly text: string;
	/** Called when it is in the pipe, or never can be. */
	readonly done: () => void;
}

/** Texts on their way into a pipe, one after the other, and how much of them waits. */
export class Outbox {
	/** Called when a text is in the pipe. */
	onTaken: () => void = () => {};
	/** Called when the reader has closed its side: what is written from then on is lost. */
	onGone: () => void = () => {};
	/** In order. */
	readonly #waiting: Outgoing[] = [];
	#unread = 0;
	#isWriting = false;
	#isGone = false;
	/** Resolves with the latest text. */
	#latest = Promise.resolve();

	constructor(private readonly sink: Sink) {}

	/** Characters that are not in the pipe yet; the runtime does not count them. */
	get unread(): number {
		return this.#unread;
	}

	/** Resolves when the text is in the pipe, or never can be. */
	write(text: string): Promise<void> {
		const { promise, resolve } = Promise.withResolvers<void>();
		this.#waiting.push({ text, done: resolve });
		this.#unread += text.length;
		this.#latest = promise;
		if (!this.#isWriting) void this.#writeAll();
		return promise;
	}

	/** Resolves when all that was written is in the pipe, or after `patience` milliseconds. */
	async flush(patience: number): Promise<void> {
		await settlesWithin(this.#latest, patience);
	}

	async #writeAll(): Promise<void> {
		this.#isWriting = true;
		for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
			await this.#put(next.text);
			this.#unread -= next.text.length;
			next.done();
			this.onTaken();
		}
		this.#isWriting = false;
	}

	async #put(text: string): Promise<void> {
		if (this.#isGone) return;
		try {
			await this.sink.write(text);
			await this.sink.flush();
		} catch {
			this.#isGone = true;
			this.onGone();
		}
	}
}
