import { sequenceLength } from "./text.ts";

/**
 * Control sequences of terminals (ECMA-48, 5th edition, and xterm's ctlseqs), in
 * bytes that are UTF-8 for the most part: colors, cursor movements, titles, links.
 */

/** What a sequence does to the line that it stands in, as far as a text can show it. */
export type Effect = "none" | "lineStart" | "eraseRest" | "eraseLine";

export interface Sequence {
	/** Index of its first byte. */
	readonly start: number;
	/** Index after its last byte; where it is unfinished, the length of the bytes. */
	readonly end: number;
	/** The bytes end before it does. */
	readonly isUnfinished: boolean;
	/** Begun by a single byte that would not be text otherwise either. */
	readonly isLone: boolean;
	readonly effect: Effect;
}

/** Bytes of a sequence; what goes on for longer is no sequence, but its first byte. */
export const LONGEST_SEQUENCE = 4096;

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BELL = 0x07;
const CANCEL = 0x18;
const SUBSTITUTE = 0x1a;
const ESCAPE = 0x1b;
/** The first byte of the C1 controls (U+0080 to U+009F) in UTF-8. */
const C1_LEAD = 0xc2;

/** Seven-bit forms of the C1 controls that begin a string (DCS, SOS, OSC, PM, APC). */
const STRINGS: readonly number[] = [0x50, 0x58, 0x5d, 0x5e, 0x5f];
const CSI = 0x5b;
const ST = 0x5c;

/** Controls that a terminal shows nothing of. */
function isSilent(byte: number): boolean {
	return (
		byte === BELL ||
		byte === 0x0e ||
		byte === 0x0f ||
		byte === CANCEL ||
		byte === SUBSTITUTE
	);
}

/** The first sequence that begins at `from` or after it; `from` must be where a character begins. */
export function nextSequence(
	bytes: Uint8Array,
	from: number,
): Sequence | undefined {
	for (let at = from; at < bytes.length; ) {
		const byte = bytes[at] ?? 0;
		if (byte < 0x80) {
			if (byte === ESCAPE) return escapeAt(bytes, at);
			if (isSilent(byte)) return made(at, at + 1);
			at++;
			continue;
		}
		const length = characterAt(bytes, at);
		const second = bytes[at + 1] ?? 0;
		if (length === 0) {
			const lone = loneAt(bytes, at);
			if (lone) return lone;
			at++;
		} else if (byte === C1_LEAD && length === 2 && second < 0xa0) {
			return controlAt(bytes, at, at + 2, second - 0x40);
		} else at += length;
	}
	return undefined;
}

/** How many bytes at the end of `bytes` begin a sequence that isn't finished. */
export function unfinishedSequence(bytes: Uint8Array): number {
	let at = 0;
	for (;;) {
		const next = nextSequence(bytes, at);
		if (!next) return 0;
		if (next.isUnfinished) return bytes.length - next.start;
		at = next.end;
	}
}

/** Length of the character at an index; 0 where there is none. */
function characterAt(bytes: Uint8Array, at: number): number {
	const length = sequenceLength(bytes[at] ?? 0);
	if (length === 1) return 0;
	for (let index = at + 1; index < at + length; index++)
		if (((bytes[index] ?? 0) & 0xc0) !== 0x80) return 0;
	return length;
}

/**
 * An eight-bit control as a single byte. Other encodings have letters there, so
 * only one that a whole sequence follows counts.
 */
function loneAt(bytes: Uint8Array, at: number): Sequence | undefined {
	const kind = (bytes[at] ?? 0) - 0x40;
	if (kind !== CSI && !STRINGS.includes(kind)) return undefined;
	const found = controlAt(bytes, at, at + 1, kind);
	return found.end > at + 1 || found.isUnfinished
		? { ...found, isLone: true }
		: undefined;
}

function escapeAt(bytes: Uint8Array, at: number): Sequence {
	let index = at + 1;
	while (isBetween(bytes[index], 0x20, 0x2f)) index++;
	const byte = bytes[index];
	if (index - at > LONGEST_SEQUENCE) return made(at, at + 1);
	if (byte === undefined) return unfinished(bytes, at);
	if (index === at + 1) return controlAt(bytes, at, index + 1, byte);
	return made(at, isBetween(byte, 0x30, 0x7e) ? index + 1 : index);
}

/** What begins with the control `kind`, whose own bytes end at `from`. */
function controlAt(
	bytes: Uint8Array,
	at: number,
	from: number,
	kind: number,
): Sequence {
	if (kind === CSI) return csiAt(bytes, at, from);
	if (STRINGS.includes(kind)) return stringAt(bytes, at, from);
	// An escape before anything else is removed alone.
	return made(at, isBetween(kind, 0x30, 0x7e) ? from : at + 1);
}

function csiAt(bytes: Uint8Array, at: number, from: number): Sequence {
	let index = from;
	while (isBetween(bytes[index], 0x30, 0x3f)) index++;
	const parameters = bytes.subarray(from, index);
	while (isBetween(bytes[index], 0x20, 0x2f)) index++;
	if (index - at > LONGEST_SEQUENCE) return made(at, from);
	const final = bytes[index];
	if (final === undefined) return unfinished(bytes, at);
	// What can't stand in a sequence breaks it off, and is itself again.
	if (!isBetween(final, 0x40, 0x7e)) return brokenOff(bytes, at, from, index);
	return { ...made(at, index + 1), effect: effectOf(final, parameters) };
}

/** A title, a link, an image: up to its terminator; no further than its line. */
function stringAt(bytes: Uint8Array, at: number, from: number): Sequence {
	const last = Math.min(bytes.length, at + LONGEST_SEQUENCE);
	for (let index = from; index < last; index++) {
		const byte = bytes[index] ?? 0;
		if (byte === BELL || byte === CANCEL || byte === SUBSTITUTE)
			return made(at, index + 1);
		if (byte === NEWLINE || byte === CARRIAGE_RETURN)
			return brokenOff(bytes, at, from, index);
		if (byte === ESCAPE) {
			const next = bytes[index + 1];
			if (next === undefined) break;
			return next === ST
				? made(at, index + 2)
				: brokenOff(bytes, at, from, index);
		}
		if (byte === C1_LEAD && bytes[index + 1] === 0x9c)
			return made(at, index + 2);
		// The byte alone ends it, but not as the rest of a character.
		if (byte === 0x9c && (bytes[index - 1] ?? 0) < 0x80)
			return made(at, index + 1);
	}
	return bytes.length - at >= LONGEST_SEQUENCE
		? made(at, from)
		: unfinished(bytes, at);
}

const DIGIT_0 = 0x30;

function effectOf(final: number, parameters: Uint8Array): Effect {
	const [first = DIGIT_0, ...more] = parameters;
	if (more.length > 0) return "none";
	switch (String.fromCharCode(final)) {
		case "G":
			return first <= DIGIT_0 + 1 ? "lineStart" : "none";
		case "K":
			return first === DIGIT_0 ? "eraseRest" : "eraseLine";
		default:
			return "none";
	}
}

function made(start: number, end: number): Sequence {
	return {
		start,
		end,
		isUnfinished: false,
		isLone: false,
		effect: "none",
	};
}

/** One that another byte ends before its time; a single byte did not begin one then. */
function brokenOff(
	bytes: Uint8Array,
	at: number,
	from: number,
	end: number,
): Sequence {
	return made(at, isBetween(bytes[at], 0x80, 0xbf) ? from : end);
}

function unfinished(bytes: Uint8Array, start: number): Sequence {
	return { ...made(start, bytes.length), isUnfinished: true };
}

function isBetween(
	byte: number | undefined,
	first: number,
	last: number,
): boolean {
	return byte !== undefined && byte >= first && byte <= last;
}
