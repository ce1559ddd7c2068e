import type { Terminal } from "@xterm/headless";
import { LARGEST_TERMINAL, type TerminalSize } from "./terminal.ts";
import { BoundedUnicode } from "./widths.ts";

/** What an emulator shows. */
export interface Picture {
	/** Rows from the top, without the blanks at their ends and the blank rows at the bottom. */
	readonly lines: readonly string[];
	/** Counted from 1. */
	readonly cursor: { readonly row: number; readonly column: number };
	/** Whether a full-screen program has taken the screen. */
	readonly alternate: boolean;
	readonly title: string | undefined;
}

/** Sequences that do something as often as they say: lines, tabs, one character over and over. */
const REPEATING = ["I", "L", "M", "S", "T", "Z", "b"];

/** The colors of text, of what is behind it, and of the cursor, as OSC 10 to 12 ask for them. */
const COLORS: readonly (readonly [command: number, color: string])[] = [
	[10, "ffff/ffff/ffff"],
	[11, "0000/0000/0000"],
	[12, "ffff/ffff/ffff"],
];

/** Link (OSC 8): the emulator would remember each. */
const LINK = 8;

const LONGEST_TITLE = 200;

/** Cells that may be drawn over and over by what the emulator takes at once. */
const CELLS_AT_ONCE = 500_000;

/**
 * An emulator of terminals, xterm, that no output can make stand still or take
 * memory without bound.
 */
export class Emulator {
	#title: string | undefined;
	#size: TerminalSize;

	private constructor(
		private readonly terminal: Terminal,
		size: TerminalSize,
		answer: (text: string) => void,
	) {
		this.#size = size;
		const { unicode, parser } = terminal;
		const widths = new BoundedUnicode();
		unicode.register(widths);
		unicode.activeVersion = widths.version;
		for (const final of REPEATING) {
			// No terminal is that large: a number of ten digits would keep the server for minutes.
			parser.registerCsiHandler(
				{ final },
				([count]) => typeof count === "number" && count > LARGEST_TERMINAL,
			);
		}
		parser.registerOscHandler(LINK, () => true);
		for (const [command, color] of COLORS) {
			parser.registerOscHandler(command, (asked) => {
				if (asked === "?") answer(`\x1b]${command};rgb:${color}\x1b\\`);
				return true;
			});
		}
		terminal.onTitleChange((title) => {
			this.#title = title.slice(0, LONGEST_TITLE);
		});
		terminal.onData(answer);
	}

	/** @param answer told what a terminal says to a program that asked it something */
	static async open(
		size: TerminalSize,
		answer: (text: string) => void,
	): Promise<Emulator> {
		// Only where it is needed its code is loaded.
		const { Terminal } = await import("@xterm/headless");
		const terminal = new Terminal({
			cols: size.cols,
			rows: size.rows,
			scrollback: 0,
			allowProposedApi: true,
			logLevel: "off",
			windowOptions: { getWinSizeChars: true },
		});
		return new Emulator(terminal, size, answer);
	}

	/** Bytes that it can be given at one time, to be done within milliseconds for the most part. */
	get portion(): number {
		return this.#atOnce * 256;
	}

	/** The emulator looks at the clock between what it is given, and lets others have a turn. */
	get #atOnce(): number {
		const { cols, rows } = this.#size;
		return Math.min(
			256,
			Math.max(4, Math.floor(CELLS_AT_ONCE / (cols * rows))),
		);
	}

	/** Resolves when it has drawn them. */
	write(bytes: Uint8Array): Promise<void> {
		const step = this.#atOnce;
		return new Promise((resolve) => {
			for (let at = 0; at + step < bytes.length; at += step)
				this.terminal.write(bytes.subarray(at, at + step));
			const rest = bytes.length % step || step;
			this.terminal.write(
				bytes.subarray(Math.max(0, bytes.length - rest)),
				resolve,
			);
		});
	}

	resize(size: TerminalSize): void {
		if (size.cols === this.#size.cols && size.rows === this.#size.rows) return;
		this.#size = size;
		this.terminal.resize(size.cols, size.rows);
	}

	picture(): Picture {
		const { active } = this.terminal.buffer;
		// The emulator itself has two columns at least.
		const { cols, rows } = this.#size;
		const lines = Array.from(
			{ length: rows },
			(_, row) =>
				active
					.getLine(active.baseY + row)
					?.translateToString()
					.trimEnd() ?? "",
		);
		while (lines.at(-1) === "") lines.pop();
		return {
			lines,
			cursor: {
				row: active.cursorY + 1,
				column: Math.min(active.cursorX + 1, cols),
			},
			alternate: active.type === "alternate",
			title: this.#title,
		};
	}

	/** Gives its memory back. */
	close(): void {
		this.terminal.dispose();
	}
}
