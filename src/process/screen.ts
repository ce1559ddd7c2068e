import type { Terminal } from "@xterm/headless";
import type { OutputRing } from "./output.ts";
import type { ManagedProcess } from "./process.ts";
import type { ProcessTerminal, TerminalSize } from "./terminal.ts";

/** What a person would see at a terminal. */
export interface ScreenImage extends TerminalSize {
	/** Rows from the top, without the blanks at their ends and the blank rows at the bottom. */
	readonly lines: readonly string[];
	/** Counted from 1. */
	readonly cursor: { readonly row: number; readonly column: number };
	/** Whether a full-screen program has taken the screen. */
	readonly alternate: boolean;
	readonly title: string | undefined;
	/** Offset in the output up to which it shows it. */
	readonly end: number;
	/** Bytes of output that were dropped before they could be shown. */
	readonly missed: number;
}

/** Bytes that the emulator is given at one time, which takes it a few milliseconds. */
const PIECE = 64 * 1024;

/**
 * The screen of a terminal, as an emulator shows it that has seen all output. It
 * is fed from the kept output when somebody looks, so that nobody pays for a
 * screen that nobody looks at; what was dropped in between it has missed.
 */
class Screen {
	#emulator: Terminal | undefined;
	#title: string | undefined;
	/** Offset up to which it has seen the output. */
	#at = 0;
	#missed = 0;
	/** How many of the terminal's sizes it has had. */
	#sizes = 1;
	#turn: Promise<unknown> = Promise.resolve();

	constructor(
		private readonly terminal: ProcessTerminal,
		private readonly ring: OutputRing,
	) {}

	/** The screen after all output up to now; several at once take turns. */
	look(): Promise<ScreenImage> {
		const until = this.ring.end;
		const image = this.#turn.then(() => this.#lookUntil(until));
		this.#turn = image.catch(() => {});
		return image;
	}

	async #lookUntil(until: number): Promise<ScreenImage> {
		this.#emulator ??= await this.#open();
		const emulator = this.#emulator;
		while (this.#at < until) {
			this.#resize(emulator);
			const next = this.terminal.sizes[this.#sizes]?.at ?? until;
			const slice = this.ring.read(
				this.#at,
				Math.min(PIECE, Math.max(0, Math.min(next, until) - this.#at)),
			);
			this.#missed += slice.start - this.#at;
			this.#at = slice.end;
			await new Promise<void>((resolve) =>
				emulator.write(slice.bytes, resolve),
			);
		}
		this.#resize(emulator);
		return this.#image(emulator);
	}

	/** Gives it the sizes that the terminal had by this place in the output. */
	#resize(emulator: Terminal): void {
		const { sizes } = this.terminal;
		for (
			let size = sizes[this.#sizes];
			size && size.at <= this.#at;
			size = sizes[this.#sizes]
		) {
			emulator.resize(size.cols, size.rows);
			this.#sizes++;
		}
	}

	async #open(): Promise<Terminal> {
		// Only who looks at a screen pays for the emulator's code.
		const [{ Terminal }, { Unicode11Addon }] = await Promise.all([
			import("@xterm/headless"),
			import("@xterm/addon-unicode11"),
		]);
		const [{ cols, rows } = { cols: 80, rows: 24 }] = this.terminal.sizes;
		const emulator = new Terminal({
			cols,
			rows,
			scrollback: 0,
			allowProposedApi: true,
			logLevel: "off",
		});
		emulator.loadAddon(new Unicode11Addon());
		emulator.unicode.activeVersion = "11";
		emulator.onTitleChange((title) => {
			this.#title = title;
		});
		return emulator;
	}

	#image({ buffer: { active } }: Terminal): ScreenImage {
		// The emulator itself has two columns at least.
		const { cols, rows } =
			this.terminal.sizes[this.#sizes - 1] ?? this.terminal.size;
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
			cols,
			rows,
			alternate: active.type === "alternate",
			title: this.#title,
			end: this.#at,
			missed: this.#missed,
		};
	}
}

const screens = new WeakMap<ManagedProcess, Screen>();

/** What a person would see now at a process's terminal; undefined where it has none. */
export async function screenOf(
	process: ManagedProcess,
): Promise<ScreenImage | undefined> {
	const { terminal, stdout } = process;
	if (!terminal) return undefined;
	const screen = screens.get(process) ?? new Screen(terminal, stdout);
	screens.set(process, screen);
	return screen.look();
}
