import { Listeners } from "./listeners.ts";
import { cutAtCharacter, type InputStream } from "./stdin.ts";
import { InputClosedError, WriteQueue } from "./write-queue.ts";

/** What the input of a terminal needs of it. */
export interface Keyboard {
	/** Types bytes; the terminal calls `TerminalInput.drained` once it has taken them. */
	type(bytes: Uint8Array): void;
	/** Whether it is read by lines, not key by key. */
	isCanonical(): boolean;
}

/** Bytes that are typed at one time: what a program that doesn't read leaves waiting is no more. */
const PIECE = 1024;

/** Bytes of the terminal's own answers that wait for who doesn't read. */
const MOST_ANSWERS = 1024;

const NEWLINE = 0x0a;
const RETURN = 0x0d;
/** Control-D, which ends the input of who reads lines: VEOF in termios(3), unless it was changed. */
const END = 0x04;
const NOTHING = new Uint8Array(0);

/**
 * Input typed at a terminal. What the terminal has accepted counts as written:
 * the runtime holds at most one piece for who doesn't read.
 */
export class TerminalInput implements InputStream {
	/** What ends the input depends on what was typed before, and comes when it is its turn. */
	readonly #queue = new WriteQueue<"write" | "end">();
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

	/** The end of input that is typed leaves a terminal open. */
	get wasEnded(): boolean {
		return false;
	}

	async write(
		bytes: Uint8Array,
		timeout: number,
		signal?: AbortSignal,
	): Promise<number> {
		if (bytes.length === 0 && !this.#closed) return 0;
		return this.#put("write", bytes, timeout, signal);
	}

	async pass(bytes: Uint8Array): Promise<void> {
		await this.#put("write", bytes);
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
		this.#put("write", bytes).then(taken, taken);
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
		await this.#put("end", NOTHING).catch(() => {});
	}

	close(): void {
		this.#closed = true;
		this.#queue.close("the terminal was closed");
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

	async #put(
		kind: "write" | "end",
		bytes: Uint8Array,
		timeout?: number,
		signal?: AbortSignal,
	): Promise<number> {
		if (this.#closed) throw new InputClosedError("already closed");
		const written = this.#queue.add(kind, bytes, timeout, signal);
		this.#pump();
		return written;
	}

	#pump(): void {
		while (!this.#isFull && !this.#closed) {
			const { head } = this.#queue;
			if (!head) return;
			if (head.kind === "end" && head.bytes === NOTHING)
				head.bytes = this.#endOfInput();
			if (head.written >= head.bytes.length) {
				this.#queue.next();
				continue;
			}
			const end = cutAtCharacter(head.bytes, head.written + PIECE);
			const piece = head.bytes.subarray(head.written, end);
			head.written = end;
			this.#last = piece.at(-1) ?? this.#last;
			this.#isFull = true;
			this.keyboard.type(piece);
		}
	}
}
