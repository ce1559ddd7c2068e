import type { SearchPattern } from "../security/pattern.ts";
import type { Readable } from "./output.ts";
import { decodeUtf8, plainText } from "./plain.ts";
import type { Cursor, ReadRequest, ReadResult, Streams } from "./reader.ts";
import { OVERLAP } from "./search.ts";
import { orphanedHead } from "./text.ts";
import { Turns } from "./turns.ts";

/** Bytes that are looked through at a time; a longer line is looked at in parts of that size, which overlap by `OVERLAP`. */
const STEP = 16 * 1024;
const NEWLINE = 0x0a;

/** Of all that look through output, so that none of them keeps the server from other things. */
const turns = new Turns();

/** The lines of one stream that match. */
interface Lines {
	text: string;
	/** Offset up to which the stream was looked through. */
	end: number;
	dropped: number;
	truncated: boolean;
}

/**
 * Reads the lines that match, each with its number, as `grep -n` shows them. A
 * line counts once it is complete, or its stream at its end. Numbers are counted from the
 * oldest line that is held.
 */
export async function readLines(
	streams: Streams,
	request: ReadRequest,
	pattern: SearchPattern,
	signal: AbortSignal,
): Promise<ReadResult> {
	const from = request.cursor ?? { stdout: 0, stderr: 0 };
	const read = async (name: keyof Cursor, limit: number): Promise<Lines> =>
		request.stream === name || request.stream === "both"
			? linesOf(streams[name], from[name], limit, request, pattern, signal)
			: { text: "", end: from[name], dropped: 0, truncated: false };
	const half = Math.ceil(request.maxBytes / 2);
	const first = request.stream === "both" ? half : request.maxBytes;
	const stdout = await read("stdout", first);
	const rest = request.maxBytes - Buffer.byteLength(stdout.text);
	const stderr = await read("stderr", Math.max(1, rest));
	return {
		stdout: stdout.text,
		stderr: stderr.text,
		cursor: { stdout: stdout.end, stderr: stderr.end },
		dropped: { stdout: stdout.dropped, stderr: stderr.dropped },
		truncated: stdout.truncated || stderr.truncated,
	};
}

async function linesOf(
	ring: Readable,
	from: number,
	limit: number,
	request: ReadRequest,
	pattern: SearchPattern,
	signal: AbortSignal,
): Promise<Lines> {
	const kept = new Kept(limit, request.tailLines);
	// What is written from now on is for the next call.
	const last = ring.end;
	let at = Math.max(from, ring.start);
	let dropped = at - from;
	let number = 1 + (await turns.run(() => newlinesBefore(ring, at)));
	/** Bytes before `at` that belong to the same line, and are looked at once more. */
	let overlap = 0;
	while (at < last && !signal.aborted) {
		// A writer may be faster than this.
		dropped += Math.max(0, ring.start - at);
		at = Math.max(at, ring.start);
		const seen = Math.min(overlap, at - ring.start);
		const bytes = completeLines(ring, at - seen);
		if (bytes.length <= seen) break;
		const lines = await turns.run(() =>
			signal.aborted ? undefined : matching(bytes, seen, request, pattern),
		);
		if (!lines) break;
		for (const { index, offset, text } of lines) {
			if (kept.add(`${number + index}:${text}\n`)) continue;
			const end = at - seen + offset;
			return { text: kept.text, end, dropped, truncated: true };
		}
		number += newlinesIn(bytes);
		at += bytes.length - seen;
		overlap = overlapAfter(bytes);
	}
	const truncated = kept.isCut || (signal.aborted && at < last);
	return { text: kept.text, end: at, dropped, truncated };
}

/** Whole lines from an offset on; a part of one that is too long; none where there is no complete one. */
function completeLines(ring: Readable, offset: number): Uint8Array {
	const { bytes, end } = ring.read(offset, STEP);
	const newline = bytes.lastIndexOf(NEWLINE);
	const isWhole = bytes.length === STEP || (ring.ended && end === ring.end);
	if (newline < 0) return isWhole ? bytes : bytes.subarray(0, 0);
	return ring.ended && end === ring.end
		? bytes
		: bytes.subarray(0, newline + 1);
}

/** Bytes of a line's part that are looked at with the next one, too. */
function overlapAfter(bytes: Uint8Array): number {
	if (bytes.length < STEP || bytes.includes(NEWLINE)) return 0;
	return OVERLAP - orphanedHead(bytes.subarray(bytes.length - OVERLAP));
}

function* offsetsOf(
	bytes: Uint8Array,
): Generator<[start: number, end: number]> {
	for (let start = 0; start < bytes.length; ) {
		const newline = bytes.indexOf(NEWLINE, start);
		const end = newline < 0 ? bytes.length : newline;
		yield [start, end];
		start = end + 1;
	}
}

/** @param seen of the first line's bytes, how many were looked at before: what ends in them was found then */
function matching(
	bytes: Uint8Array,
	seen: number,
	{ stripAnsi }: ReadRequest,
	pattern: SearchPattern,
) {
	const found: { index: number; offset: number; text: string }[] = [];
	const textOf = (line: Uint8Array) =>
		stripAnsi ? plainText(line) : decodeUtf8(line).replace(/\r$/, "");
	let index = 0;
	for (const [start, end] of offsetsOf(bytes)) {
		const text = textOf(bytes.subarray(start, end));
		const from = start < seen ? textOf(bytes.subarray(0, seen)).length : 0;
		if (endsBeyond(text, from, pattern))
			found.push({ index, offset: start, text });
		index++;
	}
	return found;
}

/** Whether a match ends after a place of the text. */
function endsBeyond(
	text: string,
	place: number,
	pattern: SearchPattern,
): boolean {
	let match = pattern.find(text, 0);
	while (match && place > 0 && match.end <= place)
		match = pattern.find(text, Math.max(match.end, match.start + 1));
	return match !== undefined;
}

/** Lines for a reply: the first ones that fit, or the last `tail` ones. */
class Kept {
	readonly #lines: string[] = [];
	#size = 0;
	isCut = false;

	constructor(
		private readonly limit: number,
		private readonly tail: number | undefined,
	) {}

	get text(): string {
		return this.#lines.join("");
	}

	/** Whether there was room for it. */
	add(line: string): boolean {
		const size = Buffer.byteLength(line);
		const isFirst = this.#lines.length === 0;
		if (this.tail === undefined && this.#size + size > this.limit && !isFirst)
			return false;
		const shown = size > this.limit ? cut(line, this.limit) : line;
		this.#lines.push(shown);
		this.#size += Buffer.byteLength(shown);
		while (this.tail !== undefined && this.#isTooMuch(this.tail)) {
			if (this.#lines.length <= this.tail) this.isCut = true;
			this.#size -= Buffer.byteLength(this.#lines.shift() ?? "");
		}
		return true;
	}

	#isTooMuch(tail: number): boolean {
		if (this.#lines.length > tail) return true;
		return this.#size > this.limit && this.#lines.length > 1;
	}
}

/** A line that is longer than a whole reply may be. */
function cut(line: string, limit: number): string {
	const bytes = Buffer.from(line);
	const room = Math.max(0, limit - 20);
	return `${decodeUtf8(bytes.subarray(0, room))} … (${bytes.length - room} more)\n`;
}

function newlinesBefore(ring: Readable, offset: number): number {
	return newlinesIn(ring.read(ring.start, offset - ring.start).bytes);
}

function newlinesIn(bytes: Uint8Array): number {
	let count = 0;
	for (const byte of bytes) if (byte === NEWLINE) count++;
	return count;
}
