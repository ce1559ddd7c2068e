import { after } from "./timer.ts";

/** Nobody can read any more what is written. */
export class InputClosedError extends Error {
	/** @param written bytes that were taken before */
	constructor(
		message: string,
		readonly written = 0,
	) {
		super(message);
	}
}

/** Something that is to be written. */
export interface Pending<Kind> {
	readonly kind: Kind;
	bytes: Uint8Array;
	/** Bytes of it that were taken. */
	written: number;
}

interface Entry<Kind> extends Pending<Kind> {
	settle(result: number | InputClosedError): void;
}

/** Bytes that wait, beyond which a write that comes with a time is not taken. */
const MOST_WAITING = 64 * 2 ** 20;

/** Writes that wait for whom they go to, in the order of the calls. */
export class WriteQueue<Kind> {
	readonly #entries: Entry<Kind>[] = [];

	/** What is to be written now. */
	get head(): Pending<Kind> | undefined {
		return this.#entries[0];
	}

	/**
	 * Adds a write; returns how many of its bytes were taken when it is done, or
	 * when `timeout` milliseconds are over or `signal` is aborted: what was not
	 * taken until then is withdrawn. Beside very much that waits already, none of it
	 * is taken, at once.
	 *
	 * @throws InputClosedError where the queue is closed before
	 */
	add(
		kind: Kind,
		bytes: Uint8Array,
		timeout = Number.POSITIVE_INFINITY,
		signal?: AbortSignal,
	): Promise<number> {
		const waiting = this.#entries.reduce(
			(sum, entry) => sum + entry.bytes.length,
			0,
		);
		const isPatient = timeout === Number.POSITIVE_INFINITY;
		if (!isPatient && waiting > MOST_WAITING) return Promise.resolve(0);
		return new Promise((resolve, reject) => {
			const withdraw = () => {
				this.#entries.splice(this.#entries.indexOf(entry), 1);
				entry.settle(entry.written);
			};
			const cancel = isPatient ? undefined : after(timeout, withdraw);
			const entry: Entry<Kind> = {
				kind,
				bytes,
				written: 0,
				settle(result) {
					cancel?.();
					signal?.removeEventListener("abort", withdraw);
					if (typeof result === "number") resolve(result);
					else reject(result);
				},
			};
			this.#entries.push(entry);
			signal?.addEventListener("abort", withdraw);
			if (signal?.aborted) withdraw();
		});
	}

	/** All of the head was taken. */
	next(): void {
		const head = this.#entries.shift();
		head?.settle(head.written);
	}

	/** Gives up all that waits. */
	close(message: string): void {
		for (const entry of this.#entries.splice(0))
			entry.settle(new InputClosedError(message, entry.written));
	}
}
