import { ProcessError } from "../errors.ts";
import {
	LONGEST_SEQUENCE,
	nextSequence,
	unfinishedSequence,
} from "./escapes.ts";
import { type Readable, type Slice, upTo } from "./output.ts";
import { decodeUtf8, plainText } from "./plain.ts";
import { incompleteTail, orphanedHead, sequenceLength } from "./text.ts";

export const ENCODINGS = ["utf-8", "base64", "hex", "latin1"] as const;
export type Encoding = (typeof ENCODINGS)[number];

/** Offsets up to which the streams were read. */
export interface Cursor {
	readonly stdout: number;
	readonly stderr: number;
}

export interface ReadRequest {
	readonly stream: "stdout" | "stderr" | "both";
	readonly encoding: Encoding;
	readonly cursor?: Cursor | undefined;
	/** Only the last so many lines of each stream. */
	readonly tailLines?: number | undefined;
	/** Bytes of both streams together. */
	readonly maxBytes: number;
	/** Of text, leave out control sequences, and all but the last state of a line. */
	readonly stripAnsi?: boolean;
	/** Where not all of it fits, the newest rather than the oldest. */
	readonly newest?: boolean;
	/** Read as if the streams ended there. */
	readonly until?: Cursor | undefined;
}

/** A process's two streams. */
export interface Streams {
	readonly stdout: Readable;
	readonly stderr: Readable;
}

export interface ReadResult {
	readonly stdout: string;
	readonly stderr: string;
	readonly cursor: Cursor;
	/** Bytes after the request's cursor that were no longer held. */
	readonly dropped: Cursor;
	/** More was held than `maxBytes` allowed to return. */
	readonly truncated: boolean;
}

/** The text form of a cursor; it names a place in both streams. */
export function formatCursor({ stdout, stderr }: Cursor): string {
	return `${stdout}.${stderr}`;
}

/** @throws ProcessError INVALID_ARGUMENT on anything that `formatCursor` did not make */
export function parseCursor(text: string): Cursor {
	const match = /^(\d{1,15})\.(\d{1,15})$/.exec(text);
	if (!match) {
		throw new ProcessError(
			"INVALID_ARGUMENT",
			`cursor: ${JSON.stringify(text.slice(0, 40))} is not a cursor`,
			"Pass the cursor of an earlier reply about the same process, or leave it out to read from the start.",
			{ field: "cursor" },
		);
	}
	return { stdout: Number(match[1]), stderr: Number(match[2]) };
}

/** What one stream gives to a reply. */
interface Piece {
	readonly text: string;
	/** Offset after it. */
	readonly end: number;
	readonly dropped: number;
	readonly truncated: boolean;
}

/** Reads what a request asks for from a process's two streams. */
export function readOutput(streams: Streams, request: ReadRequest): ReadResult {
	const from = request.cursor ?? { stdout: 0, stderr: 0 };
	const { until } = request;
	const rings = until
		? {
				stdout: upTo(streams.stdout, until.stdout),
				stderr: upTo(streams.stderr, until.stderr),
			}
		: streams;
	const want = (name: "stdout" | "stderr") =>
		request.stream === name || request.stream === "both"
			? available(rings[name], from[name], request.tailLines)
			: 0;
	const share = divide(want("stdout"), want("stderr"), request.maxBytes);
	const piece = (name: "stdout" | "stderr"): Piece =>
		request.stream === name || request.stream === "both"
			? take(rings[name], from[name], share[name], request)
			: unread(from[name]);
	const stdout = piece("stdout");
	const stderr = piece("stderr");
	return {
		stdout: stdout.text,
		stderr: stderr.text,
		cursor: { stdout: stdout.end, stderr: stderr.end },
		dropped: { stdout: stdout.dropped, stderr: stderr.dropped },
		truncated: stdout.truncated || stderr.truncated,
	};
}

/** Refuses a cursor that lies after the streams' ends: it is another process's. */
export function checkCursor(cursor: Cursor, rings: Streams): void {
	if (cursor.stdout <= rings.stdout.end && cursor.stderr <= rings.stderr.end)
		return;
	throw new ProcessError(
		"INVALID_ARGUMENT",
		`cursor: ${formatCursor(cursor)} lies after the end of this process's output (${rings.stdout.end}.${rings.stderr.end})`,
		"Pass the cursor of an earlier reply about the same process.",
		{ field: "cursor" },
	);
}

function unread(offset: number): Piece {
	return { text: "", end: offset, dropped: 0, truncated: false };
}

/** Gives each stream half, and what one doesn't need to the other. */
function divide(stdout: number, stderr: number, limit: number): Cursor {
	const half = Math.floor(limit / 2);
	const first = Math.min(stdout, Math.max(limit - half, limit - stderr));
	return { stdout: first, stderr: Math.min(stderr, limit - first) };
}

function available(
	ring: Readable,
	from: number,
	tailLines: number | undefined,
): number {
	return ring.end - firstWanted(ring, from, tailLines);
}

/** Offset of the first byte that is held and asked for. */
function firstWanted(
	ring: Readable,
	from: number,
	tailLines: number | undefined,
): number {
	const held = Math.min(Math.max(from, ring.start), ring.end);
	return tailLines === undefined ? held : lineStart(ring, held, tailLines);
}

const NEWLINE = 0x0a;
const SCAN = 64 * 1024;

/** Where the last `lines` lines begin, not before `floor`. A newline at the very end ends a line. */
function lineStart(ring: Readable, floor: number, lines: number): number {
	let newlines = 0;
	for (let end = ring.end; end > floor; end -= SCAN) {
		const start = Math.max(floor, end - SCAN);
		const { bytes } = ring.read(start, end - start);
		for (let index = bytes.length - 1; index >= 0; index--) {
			const isLast = start + index === ring.end - 1;
			if (bytes[index] !== NEWLINE || isLast) continue;
			if (++newlines === lines) return start + index + 1;
		}
	}
	return floor;
}

/** How often, and up to how many bytes, more is read for a reply whose text came out short. */
const MOST_GROWTHS = 6;
const MOST_RAW = 2 ** 20;

/** A progress bar is megabytes of which a line stays: a reply is to be full of what a reader wants. */
function take(
	ring: Readable,
	from: number,
	limit: number,
	request: ReadRequest,
): Piece {
	let piece = takeRaw(ring, from, limit, request);
	if (!isPlain(request)) return piece;
	let raw = limit;
	for (let growth = 0; growth < MOST_GROWTHS; growth++) {
		const size = Buffer.byteLength(piece.text);
		if (!piece.truncated || size > limit / 2 || raw >= MOST_RAW) break;
		raw = Math.min(MOST_RAW, raw * 4);
		const longer = takeRaw(ring, from, raw, request);
		if (Buffer.byteLength(longer.text) > limit) break;
		piece = longer;
	}
	return piece;
}

function isPlain({ encoding, stripAnsi }: ReadRequest): boolean {
	return encoding === "utf-8" && stripAnsi === true;
}

function takeRaw(
	ring: Readable,
	from: number,
	limit: number,
	request: ReadRequest,
): Piece {
	const { tailLines, encoding } = request;
	const wanted = firstWanted(ring, from, tailLines);
	const dropped = Math.max(0, Math.min(ring.start, ring.end) - from);
	const first =
		tailLines === undefined && !request.newest
			? wanted
			: Math.max(wanted, ring.end - limit);
	const isCut = first > wanted || (dropped > 0 && first === ring.start);
	const orphans = isCut ? orphansAt(ring, first, encoding) : 0;
	const start = first + orphans;
	const rest = isPlain(request) ? sequenceRest(ring, start) : 0;
	const read = ring.read(start + rest, limit);
	const slice = whole(ring, read, request);
	return {
		text: textOf(slice.bytes, request),
		end: slice.end,
		dropped: first === ring.start ? dropped + orphans : dropped,
		truncated: first > wanted || (read.end < ring.end && slice.end < ring.end),
	};
}

/** Bytes at an offset that end a character whose beginning is not given; the limit must not hide any. */
function orphansAt(ring: Readable, offset: number, encoding: Encoding): number {
	return encoding === "utf-8" ? orphanedHead(ring.read(offset, 3).bytes) : 0;
}

/** Bytes at an offset that belong to a control sequence which begins before it. */
export function sequenceRest(ring: Readable, offset: number): number {
	const from = Math.max(ring.start, offset - LONGEST_SEQUENCE);
	if (from >= offset) return 0;
	const { bytes } = ring.read(from, offset - from + LONGEST_SEQUENCE);
	const at = offset - from;
	// Behind a newline nothing is within a sequence.
	let index = bytes.lastIndexOf(NEWLINE, at - 1) + 1;
	for (;;) {
		const sequence = nextSequence(bytes, index);
		if (!sequence || sequence.start >= at) return 0;
		if (sequence.end > at) return sequence.end - at;
		index = sequence.end;
	}
}

/** The slice without a character, or a sequence, that its end would split, where it is read as text. */
function whole(ring: Readable, slice: Slice, request: ReadRequest): Slice {
	if (request.encoding !== "utf-8") return slice;
	const plain = isPlain(request);
	const trimmed = withoutSplit(ring, slice, plain);
	if (trimmed.bytes.length > 0 || slice.bytes.length === 0) return trimmed;
	// A limit below one character or sequence: that one is given all the same.
	return withoutSplit(ring, firstUnit(ring, slice, plain), plain);
}

function firstUnit(ring: Readable, slice: Slice, plain: boolean): Slice {
	const [lead = 0] = slice.bytes;
	if (plain) {
		const { bytes } = ring.read(slice.start, LONGEST_SEQUENCE);
		const sequence = nextSequence(bytes, 0);
		if (sequence?.start === 0) return ring.read(slice.start, sequence.end);
	}
	return ring.read(slice.start, sequenceLength(lead));
}

/** @param plain control sequences stay whole as well */
export function withoutSplit(
	ring: Readable,
	slice: Slice,
	plain: boolean,
): Slice {
	const isFinal = ring.ended && slice.end === ring.end;
	if (isFinal) return slice;
	const tail = Math.max(
		incompleteTail(slice.bytes),
		plain ? unfinishedSequence(slice.bytes) : 0,
	);
	return {
		bytes: slice.bytes.subarray(0, slice.bytes.length - tail),
		start: slice.start,
		end: slice.end - tail,
	};
}

function textOf(bytes: Uint8Array, request: ReadRequest): string {
	if (isPlain(request)) return plainText(bytes);
	if (request.encoding === "utf-8") return decodeUtf8(bytes);
	return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString(
		request.encoding,
	);
}
