import { Listeners } from "./listeners.ts";
import { cutAtCharacter, InputClosedError, type InputStream } from "./stdin.ts";

/** What the input of a terminal needs of it. */
export interface Keyboard {
	/** Types bytes; the terminal calls `TerminalInput.drained` once it has taken them. */
	type(bytes: Uint8Array): void;
	/** Whether it is read by lines, not key by key. */
	isCanonical(): boolean;
}

interface Pending {
	/** Undefined: the end of input, for which it depends on what was typed before. */
	bytes: Uint8Array | undefined;
	written: number;
	settle(result: "taken" | InputClosedError): void;
}

/** Bytes that are typed at one time: what a program that doesn't read leaves waiting is no more. */
const PIECE = 1024;

/** Bytes of the terminal's own answers that wait for who doesn't read. */
const MOST_ANSWERS = 1024;

const NEWLINE = 0x0a;
const RETURN = 0x0d;
/** Control-D, which ends the input of who reads lines: VEOF in termios(3), unless it was changed. */
const END = 0x04;

/**
 * Input typed at a terminal. What the terminal has accepted counts as written:
 * the runtime holds at most one piece for who doesn't read.
 */
export class TerminalInput implements InputStream {
	readonly #queue: Pending[] = [];
	/** Whether the last piece was not taken yet. */
	#isFull = false;
	#closed = false;
	/** The last byte that was typed. */
	#last = NEWLINE;
	/** Bytes of answers that wait. */
	#answers = 0;
	readonly #answered = new Listeners();

	constructor(private readonly keyboard: Keyboard) {}

	get closed(): boolean {
		return this.#closed;
	}

	write(bytes: Uint8Array, timeout: number): Promise<number> {
		if (bytes.length === 0 && !this.#closed) return Promise.resolve(0);
		return this.#put(bytes, timeout);
	}

	async pass(bytes: Uint8Array): Promise<void> {
		await this.#put(bytes, Number.POSITIVE_INFINITY);
	}

	/** Whether not too much of what the terminal itself says waits already. */
	get takesAnswers(): boolean {
		return !this.#closed && this.#answers < MOST_ANSWERS;
	}

	/** Types what the terminal itself says, as long as it takes that. */
	answer(bytes: Uint8Array): void {
		if (!this.takesAnswers) return;
		this.#answers += bytes.length;
		const taken = () => {
			this.#answers -= bytes.length;
			if (this.#answers === 0) this.#answered.call();
		};
		this.#put(bytes, Number.POSITIVE_INFINITY).then(taken, taken);
	}

	/** Resolves when no answer waits any more. */
	answersTaken(): Promise<void> {
		if (this.#answers === 0) return Promise.resolve();
		return new Promise((resolve) => {
			const cancel = this.#answered.add(() => {
				cancel();
				resolve();
			});
		});
	}

	/** Types the end of input, once everything before was taken; the terminal stays open. */
	async end(): Promise<void> {
		await this.#put(undefined, Number.POSITIVE_INFINITY).catch(() => {});
	}

	close(): void {
		this.#closed = true;
		const error = new InputClosedError("the terminal was closed");
		for (const pending of this.#queue.splice(0)) pending.settle(error);
	}

	/** To be called when the terminal has taken all that was typed. */
	drained(): void {
		this.#isFull = false;
		this.#pump();
	}

	/** Within a line the first one only passes on what was typed of it. */
	#endOfInput(): Uint8Array {
		const isAtStart =
			this.#last === NEWLINE || this.#last === RETURN || this.#last === END;
		return this.keyboard.isCanonical() && !isAtStart
			? Uint8Array.of(END, END)
			: Uint8Array.of(END);
	}

	#put(bytes: Pending["bytes"], timeout: number): Promise<number> {
		if (this.#closed)
			return Promise.reject(new InputClosedError("already closed"));
		return new Promise((resolve, reject) => {
			const expire = () => {
				this.#queue.splice(this.#queue.indexOf(pending), 1);
				resolve(pending.written);
			};
			const timer =
				timeout === Number.POSITIVE_INFINITY
					? undefined
					: setTimeout(expire, timeout);
			const pending: Pending = {
				bytes,
				written: 0,
				settle(result) {
					clearTimeout(timer);
					if (result === "taken") resolve(pending.written);
					else reject(result);
				},
			};
			this.#queue.push(pending);
			this.#pump();
		});
	}

	#pump(): void {
		while (!this.#isFull && !this.#closed) {
			const head = this.#queue[0];
			if (!head) return;
			const bytes = head.bytes ?? this.#endOfInput();
			head.bytes = bytes;
			if (head.written >= bytes.length) {
				this.#queue.shift();
				head.settle("taken");
				continue;
			}
			const end = cutAtCharacter(bytes, head.written + PIECE);
			const piece = bytes.subarray(head.written, end);
			head.written = end;
			this.#last = piece.at(-1) ?? this.#last;
			this.#isFull = true;
			this.keyboard.type(piece);
		}
	}
}
