import { z } from "zod";
import { ProcessError } from "../errors.ts";
import type { ProcessManager } from "../process/manager.ts";
import type { ManagedProcess } from "../process/process.ts";
import { type ScreenImage, screenOf } from "../process/screen.ts";
import { LARGEST_TERMINAL, type TerminalSize } from "../process/terminal.ts";
import { WAITS, waitingForInput } from "../process/waiting.ts";

const length = z.number().int().min(1).max(LARGEST_TERMINAL);

/** A terminal's size, as an input. */
export const terminalSize = z.strictObject({
	cols: length.describe("Columns, 1 to 1000; 80 is usual."),
	rows: length.describe("Rows, 1 to 1000; 24 is usual."),
});

export const screen = z
	.object({
		lines: z
			.array(z.string())
			.describe("Rows from the top; blank ones at the bottom are left out."),
		cursor: z
			.object({
				row: z.number().int().describe("Row, the top one is 1."),
				column: z.number().int().describe("Column, the first one is 1."),
			})
			.describe("Where the next character would appear."),
		cols: z.number().int().describe("Columns of the terminal."),
		rows: z.number().int().describe("Rows of the terminal."),
		alternate: z
			.boolean()
			.describe(
				"A full-screen program (pager, editor) has the screen; its lines are gone when it ends.",
			),
		title: z
			.string()
			.optional()
			.describe("The window's title, if the program set one."),
		firstRow: z
			.number()
			.int()
			.describe(
				"Row of the first of lines; above 1 where the rows before did not fit the reply.",
			),
		missed: z
			.number()
			.int()
			.describe(
				"Bytes of output that were dropped, or too much to draw in time, before they could be shown: above 0 the screen may be wrong until the program draws it anew.",
			),
	})
	.describe("The terminal's screen, as a person would see it.");

export const waiting = z
	.enum(WAITS)
	.optional()
	.describe(
		"Present while the program waits for input. line: for a line, ended by \\n. password: the same, but it will not be shown: ask the user rather than guess. key: reads key by key, as line editors (end the line with \\n), menus and pagers do. data: reads the pipe of its standard input. A program with an event loop counts while it listens to its input, whatever else it does. Absent: it doesn't, or the system doesn't tell.",
	);

/** The field of a result that says what input a process waits for, if any. */
export function waitingOf(process: ManagedProcess): {
	readonly waitingForInput?: z.input<typeof waiting>;
} {
	const wait = waitingForInput(process);
	return wait ? { waitingForInput: wait } : {};
}

/**
 * A process's screen as a result: the last rows that fit.
 *
 * @param limit bytes of all lines together
 * @throws ProcessError INVALID_ARGUMENT where it has no terminal
 */
export async function screenResult(
	process: ManagedProcess,
	limit: number,
): Promise<z.input<typeof screen> & { readonly end: number }> {
	const image = await screenOf(process);
	if (!image) throw noTerminal(process.pid, "screen");
	const { title, lines, ...rest } = image;
	const first = firstThatFits(lines, limit);
	return {
		...rest,
		lines: lines.slice(first),
		firstRow: first + 1,
		...(title !== undefined && { title }),
	};
}

function firstThatFits(lines: ScreenImage["lines"], limit: number): number {
	let bytes = 0;
	for (let row = lines.length - 1; row >= 0; row--) {
		bytes += Buffer.byteLength(lines[row] ?? "") + 1;
		if (bytes > limit) return row + 1;
	}
	return 0;
}

/** Gives a running process's terminal another size. */
export async function resize(
	process: ManagedProcess,
	size: TerminalSize,
	manager: ProcessManager,
): Promise<void> {
	const { terminal, state, pid } = process;
	if (!terminal) throw noTerminal(pid, "terminal");
	if (state !== "running") {
		throw new ProcessError(
			"PROCESS_NOT_RUNNING",
			`Process ${pid} has ended`,
			"Start it anew, with the size that it is to have.",
			{ pid },
		);
	}
	// Who may not write to it may not do this to it either.
	await manager.write(process, new Uint8Array(0), 0);
	terminal.resize(size);
}

function noTerminal(pid: number, field: string): ProcessError {
	return new ProcessError(
		"INVALID_ARGUMENT",
		`${field}: process ${pid} has no terminal`,
		"Start it with terminal: {cols: 80, rows: 24}; or leave this field out.",
		{ field, pid },
	);
}
