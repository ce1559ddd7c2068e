import { diagnose, messageOf } from "../errors.ts";
import { Emulator, type Picture } from "./emulator.ts";
import type { OutputRing } from "./output.ts";
import type { ManagedProcess } from "./process.ts";
import type { ProcessTerminal, TerminalSize } from "./terminal.ts";
import { sleep } from "./timer.ts";

/** What a person would see at a terminal. */
export interface ScreenImage extends Picture, TerminalSize {
	/** Offset in the output up to which it shows it. */
	readonly end: number;
	/** Bytes of output that it has not seen. */
	readonly missed: number;
}

/**
 * Milliseconds that output is drawn for somebody who looks; then only what came
 * last is drawn, in half of that.
 */
const LONGEST_FEED = 6000;
/** Bytes of that. */
const LAST = 16 * 1024;

/** Milliseconds that questions may take at once, and their share of all time after that. */
const MOST_CREDIT = 200;
const SHARE = 0.25;

/**
 * The screen of a terminal, as an emulator shows it that has seen all output. It
 * is fed from the kept output when somebody looks, or a program asks, so that
 * nobody pays for a screen that nobody looks at; what was dropped in between it has missed.
 */
class Screen {
	#emulator: Emulator | undefined;
	/** Once all output was seen. */
	#final: ScreenImage | undefined;
	/** Offset up to which it has seen the output. */
	#at = 0;
	#missed = 0;
	#turn: Promise<unknown> = Promise.resolve();
	#isAnswering = false;
	#credit = MOST_CREDIT;
	#credited = 0;

	constructor(
		private readonly terminal: ProcessTerminal,
		private readonly ring: OutputRing,
	) {}

	/** The screen after all output up to now; several at once take turns. */
	look(): Promise<ScreenImage> {
		const until = this.ring.end;
		return this.#inTurn(async () => {
			if (this.#final) return this.#final;
			await this.#feed(until);
			const emulator = await this.#open();
			const image = {
				...emulator.picture(),
				...this.terminal.sizeAt(this.#at),
				end: this.#at,
				missed: this.#missed,
			};
			if (this.ring.ended && this.#at === this.ring.end) {
				this.#final = image;
				emulator.close();
				this.#emulator = undefined;
			}
			return image;
		});
	}

	/**
	 * Has the emulator see what programs asked, which it answers. Who doesn't read
	 * its answers gets no more of them, and who asks all the time has to wait.
	 */
	async answer(): Promise<void> {
		if (this.#isAnswering) return;
		this.#isAnswering = true;
		const { input } = this.terminal;
		while (this.#at < this.terminal.asked) {
			await input.answersTaken();
			await this.ring.more(this.terminal.asked - 1);
			if (this.ring.ended) break;
			await this.#inTurn(async () => {
				await this.#open();
				const start = performance.now();
				await this.#feed(this.terminal.asked);
				this.#pay(performance.now() - start);
			});
			if (this.#credit < 0) await sleep(-this.#credit / SHARE);
		}
		this.#isAnswering = false;
	}

	#pay(cost: number): void {
		const now = performance.now();
		const earned = (now - this.#credited) * SHARE;
		this.#credited = now;
		this.#credit = Math.min(MOST_CREDIT, this.#credit + earned) - cost;
	}

	#inTurn<T>(work: () => Promise<T>): Promise<T> {
		const done = this.#turn.then(work);
		this.#turn = done.catch(() => {});
		return done;
	}

	async #feed(until: number): Promise<void> {
		const emulator = await this.#open();
		let deadline = performance.now() + LONGEST_FEED;
		let isLast = false;
		while (this.#at < until) {
			if (performance.now() > deadline) {
				this.#skip(isLast ? until : until - LAST);
				isLast = true;
				deadline = performance.now() + LONGEST_FEED / 2;
			}
			emulator.resize(this.terminal.sizeAt(this.#at));
			const next = this.terminal.nextResize(this.#at) ?? until;
			const slice = this.ring.read(
				this.#at,
				Math.max(
					0,
					Math.min(emulator.portion, Math.min(next, until) - this.#at),
				),
			);
			this.#skip(slice.start);
			this.#at = slice.end;
			await emulator.write(slice.bytes);
		}
		emulator.resize(this.terminal.sizeAt(this.#at));
	}

	#skip(to: number): void {
		this.#missed += Math.max(0, to - this.#at);
		this.#at = Math.max(this.#at, to);
	}

	async #open(): Promise<Emulator> {
		this.#emulator ??= await Emulator.open(this.terminal.sizeAt(0), (text) =>
			this.terminal.answer(text),
		);
		return this.#emulator;
	}
}

const screens = new WeakMap<ManagedProcess, Screen>();

function of(process: ManagedProcess): Screen | undefined {
	const { terminal, stdout } = process;
	if (!terminal) return undefined;
	const screen = screens.get(process) ?? new Screen(terminal, stdout);
	screens.set(process, screen);
	return screen;
}

/** What a person would see now at a process's terminal; undefined where it has none. */
export async function screenOf(
	process: ManagedProcess,
): Promise<ScreenImage | undefined> {
	return of(process)?.look();
}

/**
 * Has a process's terminal answer the programs that ask it something, as terminals
 * do. Where its output is not kept nobody knows what to say.
 */
export function answerQuestions(process: ManagedProcess): void {
	const { terminal, captured } = process;
	if (!terminal || !captured) return;
	terminal.onQuestion = () => {
		of(process)
			?.answer()
			.catch((error: unknown) => {
				diagnose(`terminal of ${process.pid}: ${messageOf(error)}`);
			});
	};
}
