import { messageOf, ProcessError } from "../errors.ts";
import type { TerminalTraits } from "../platform/platform.ts";
import { QueryScan } from "./queries.ts";
import { TerminalInput } from "./terminal-input.ts";

/** Columns and rows. */
export interface TerminalSize {
	readonly cols: number;
	readonly rows: number;
}

/** Columns or rows of the largest terminal; its screen takes 12 bytes a cell. */
export const LARGEST_TERMINAL = 1000;

/** A size that a terminal has from an offset of its output on. */
interface Resize extends TerminalSize {
	readonly at: number;
}

/** Sizes that are remembered of one terminal; what was written before the oldest is shown in that one. */
const MOST_SIZES = 100;

/**
 * A terminal's way to read what is typed: by lines, shown or not, as for a
 * password; or key by key, as line editors, menus and full-screen programs do.
 */
export type TerminalMode = "line" | "password" | "key";

/** A pseudo-terminal and the program that runs in it. */
export class ProcessTerminal {
	readonly input: TerminalInput;
	/** Sizes that it had, with the places in its output from which on it had them. */
	readonly #sizes: Resize[];
	/** What the runtime is told at the start. */
	readonly options: Bun.TerminalOptions & TerminalSize;
	#terminal: Bun.Terminal | undefined;
	#controller: ReadableStreamDefaultController<Uint8Array> | undefined;
	/** Bytes that came out of it. */
	#count = 0;
	readonly #queries = new QueryScan();
	#asked = 0;
	/** Told when a program asks the terminal something; see `asked`. */
	onQuestion: () => void = () => {};
	#isClosed = false;
	readonly #chunks: ReadableStream<Uint8Array>;

	/** @param traits undefined where the system doesn't tell how it is read */
	constructor(
		size: TerminalSize,
		private readonly traits: TerminalTraits | undefined,
	) {
		this.#sizes = [{ ...size, at: 0 }];
		this.#chunks = new ReadableStream({
			start: (controller) => {
				this.#controller = controller;
			},
		});
		const keyboard = {
			type: (bytes: Uint8Array) => void this.#terminal?.write(bytes),
			isCanonical: () => this.mode !== "key",
		};
		this.input = new TerminalInput(keyboard);
		this.options = {
			cols: size.cols,
			rows: size.rows,
			data: (_, chunk) => {
				const question = this.#queries.scan(chunk);
				if (question > 0) this.#asked = this.#count + question;
				this.#count += chunk.length;
				this.#controller?.enqueue(chunk);
				if (question > 0) this.onQuestion();
			},
			drain: () => this.input.drained(),
			exit: (terminal) => {
				// A start that failed, and was tried again, had one, too.
				if (terminal === this.#terminal) this.#end();
			},
		};
	}

	/** To be called with what the runtime made of `options`. */
	attach(terminal: Bun.Terminal | undefined): void {
		this.#terminal = terminal;
		if (this.#isClosed) this.#close();
	}

	/** All that is written to it, until nobody has it open any more. */
	get output() {
		return { chunks: this.#chunks, close: () => this.#close() };
	}

	/** Reads what is written to it, as somebody has to, and forgets it. */
	discard(): undefined {
		this.#controller = undefined;
	}

	/** The size that it had at an offset of its output. */
	sizeAt(offset: number): TerminalSize {
		const size =
			this.#sizes.findLast(({ at }) => at <= offset) ?? this.#sizes[0];
		return { cols: size?.cols ?? 80, rows: size?.rows ?? 24 };
	}

	/** Where after an offset of its output it got another size; undefined where it didn't. */
	nextResize(offset: number): number | undefined {
		return this.#sizes.find(({ at }) => at > offset)?.at;
	}

	/** Tells its programs (SIGWINCH); does nothing where none has it open any more. */
	resize({ cols, rows }: TerminalSize): void {
		if (this.#isClosed) return;
		this.#terminal?.resize(cols, rows);
		// A size in which nothing was written is one that nobody saw.
		if (this.#sizes.at(-1)?.at === this.#count) this.#sizes.pop();
		this.#sizes.push({ cols, rows, at: this.#count });
		if (this.#sizes.length > MOST_SIZES) this.#sizes.shift();
	}

	/** Offset in the output after the last question that a program asked the terminal. */
	get asked(): number {
		return this.#asked;
	}

	/**
	 * Types what the terminal itself has to say to a program that asked. One that
	 * reads lines did not ask (somebody shows it a file): it would find it in its next line.
	 */
	answer(text: string): void {
		if (this.input.takesAnswers && this.mode === "key")
			this.input.answer(Buffer.from(text));
	}

	/** Undefined where it is closed or the system doesn't tell. */
	get mode(): TerminalMode | undefined {
		if (!this.traits || !this.#terminal || this.#isClosed) return undefined;
		const flags = this.#terminal.localFlags;
		if (!(flags & this.traits.canonical)) return "key";
		return flags & this.traits.echo ? "line" : "password";
	}

	/**
	 * Text as a person types it: where keys are read, a line ends with the key
	 * Enter, which gives a carriage return.
	 */
	typed(text: string): Uint8Array {
		return Buffer.from(
			this.mode === "key" ? text.replaceAll("\n", "\r") : text,
		);
	}

	/** @throws ProcessError INVALID_ARGUMENT on a line that the terminal would cut */
	requireTypable(bytes: Uint8Array, field: string): void {
		if (this.mode !== "key") checkLines(bytes, field, this.traits);
	}

	#end(): void {
		const controller = this.#controller;
		this.#controller = undefined;
		// Nobody may read it: then nobody closes it either.
		if (controller) controller.close();
		else this.#close();
	}

	#close(): void {
		this.#isClosed = true;
		this.input.close();
		if (this.#terminal && !this.#terminal.closed) this.#terminal.close();
	}
}

/** Why programs can't be given a terminal here; undefined where they can, as one was opened. */
export function whyNoTerminal(
	traits: TerminalTraits | undefined,
): string | undefined {
	if (!traits) return "not on this system";
	try {
		new Bun.Terminal({ cols: 80, rows: 24 }).close();
		return undefined;
	} catch (error) {
		return `no pseudo-terminal can be opened: ${messageOf(error)}`;
	}
}

/**
 * Holds a launch that asks for a terminal against what can be had.
 *
 * @throws ProcessError INVALID_ARGUMENT
 */
export function checkTerminal(
	request: {
		readonly terminal?: TerminalSize | undefined;
		readonly stdin?: string | undefined;
	},
	traits: TerminalTraits | undefined,
): void {
	if (!request.terminal) return;
	if (!traits) {
		throw new ProcessError(
			"INVALID_ARGUMENT",
			"terminal: programs can't be given a terminal on this system",
			"Leave terminal out: the program then reads and writes pipes. If it insists on a terminal, give it options or input that make it ask nothing (--yes, a batch mode, stdin).",
			{ field: "terminal" },
		);
	}
	checkLines(Buffer.from(request.stdin ?? ""), "stdin", traits);
}

const NEWLINE = 0x0a;

function checkLines(
	bytes: Uint8Array,
	field: string,
	traits: TerminalTraits | undefined,
): void {
	if (!traits) return;
	for (let start = 0; start < bytes.length; ) {
		const newline = bytes.indexOf(NEWLINE, start);
		const end = newline < 0 ? bytes.length : newline + 1;
		if (end - start > traits.longestLine) {
			throw new ProcessError(
				"INVALID_ARGUMENT",
				`${field}: a line of ${end - start} bytes; the system's terminals take at most ${traits.longestLine} and drop the rest`,
				"Send shorter lines, or start the program without terminal, where lines have no bound.",
				{ field },
			);
		}
		start = end;
	}
}

/** What kind of terminal it is; what the server's own environment says is true of another one. */
export function termOf(asked: string | undefined): string {
	return asked === undefined || asked === process.env.TERM
		? "xterm-256color"
		: asked;
}
