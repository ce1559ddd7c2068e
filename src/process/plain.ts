import { type Effect, nextSequence } from "./escapes.ts";

// A byte order mark is a character of the output like any other.
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Bytes as text; what is no UTF-8 is replaced. */
export function decodeUtf8(bytes: Uint8Array): string {
	return utf8.decode(bytes);
}

const CARRIAGE_RETURN = 0x0d;
/** Stand for erasures until lines are put together; a raw one is no text and is gone by then. */
const ERASE_REST = 0x18;
const ERASE_LINE = 0x1a;

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
const MOVES = /[\b\r\x18\x1a]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
const PARTS = /[^\b\r\x18\x1a]+|[\b\r\x18\x1a]/g;

const MARKS: Readonly<Record<Effect, number | undefined>> = {
	none: undefined,
	lineStart: CARRIAGE_RETURN,
	eraseRest: ERASE_REST,
	eraseLine: ERASE_LINE,
};

/**
 * Output as a reader wants it: without control sequences, and of each line that
 * was written over and over (a progress bar) only its last state. Every newline
 * stays, so lines are the same ones.
 */
export function plainText(bytes: Uint8Array): string {
	const text = utf8.decode(withoutSequences(bytes, true));
	if (!MOVES.test(text)) return text;
	return text.split("\n").map(lastState).join("\n");
}

/**
 * Output as patterns are held against it: without control sequences, but with
 * every state of a line, each as a line of its own.
 */
export function searchableText(bytes: Uint8Array): string {
	const text = utf8.decode(withoutSequences(bytes, false));
	return text.includes("\r")
		? text.replace(/\r+\n/g, "\n").replaceAll("\r", "\n")
		: text;
}

/** The bytes without their control sequences; what moves within a line leaves its mark if `marks` is set. */
function withoutSequences(bytes: Uint8Array, marks: boolean): Uint8Array {
	let sequence = nextSequence(bytes, 0);
	if (!sequence) return bytes;
	const kept = new Uint8Array(bytes.length);
	let [length, from] = [0, 0];
	const keep = (end: number) => {
		kept.set(bytes.subarray(from, end), length);
		length += end - from;
	};
	while (sequence) {
		// A byte that only might have begun one is shown as what it is: no text.
		const isText = sequence.isUnfinished && sequence.isLone;
		keep(isText ? sequence.end : sequence.start);
		const mark = marks ? MARKS[sequence.effect] : undefined;
		if (mark !== undefined) kept[length++] = mark;
		from = sequence.end;
		sequence = nextSequence(bytes, from);
	}
	keep(bytes.length);
	return kept.subarray(0, length);
}

/** What a line shows in the end that holds carriage returns, backspaces and erasures. */
function lastState(line: string): string {
	if (!MOVES.test(line)) return line;
	/** In parts: a text that is put together anew at each step costs its length each time. */
	let shown: string[] = [];
	/** The next text takes the place of what is shown. */
	let isAtStart = false;
	for (const [part] of line.matchAll(PARTS)) {
		if (part === "\r") isAtStart = true;
		else if (part === "\b") eraseLast(shown);
		else if (part === "\x1a" || part === "\x18") {
			if (part === "\x1a" || isAtStart) shown = [];
		} else {
			if (isAtStart) shown = [];
			shown.push(part);
			isAtStart = false;
		}
	}
	return shown.join("");
}

/** Takes away the last character. */
function eraseLast(shown: string[]): void {
	const part = shown.pop();
	if (part === undefined) return;
	const isPair = (part.codePointAt(part.length - 2) ?? 0) > 0xffff;
	const rest = part.slice(0, isPair ? -2 : -1);
	if (rest !== "") shown.push(rest);
}
