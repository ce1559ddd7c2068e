import { ProcessError } from "../errors.ts";
import type { OutputRing, Slice } from "./output.ts";
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

/** Bytes that one stream gives to a reply. */
interface Piece extends Slice {
	readonly dropped: number;
	readonly truncated: boolean;
}

/** Reads what a request asks for from a process's two streams. */
export function readOutput(
	rings: { readonly stdout: OutputRing; readonly stderr: OutputRing },
	request: ReadRequest,
): ReadResult {
	const from = request.cursor ?? { stdout: 0, stderr: 0 };
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
		stdout: encode(stdout.bytes, request.encoding),
		stderr: encode(stderr.bytes, request.encoding),
		cursor: { stdout: stdout.end, stderr: stderr.end },
		dropped: { stdout: stdout.dropped, stderr: stderr.dropped },
		truncated: stdout.truncated || stderr.truncated,
	};
}

/** Refuses a cursor that lies after the streams' ends: it is another process's. */
export function checkCursor(
	cursor: Cursor,
	rings: { readonly stdout: OutputRing; readonly stderr: OutputRing },
): void {
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
	return {
		bytes: new Uint8Array(0),
		start: offset,
		end: offset,
		dropped: 0,
		truncated: false,
	};
}

/** Gives each stream half, and what one doesn't need to the other. */
function divide(stdout: number, stderr: number, limit: number): Cursor {
	const half = Math.floor(limit / 2);
	const first = Math.min(stdout, Math.max(limit - half, limit - stderr));
	return { stdout: first, stderr: Math.min(stderr, limit - first) };
}

function available(
	ring: OutputRing,
	from: number,
	tailLines: number | undefined,
): number {
	return ring.end - firstWanted(ring, from, tailLines);
}

/** Offset of the first byte that is held and asked for. */
function firstWanted(
	ring: OutputRing,
	from: number,
	tailLines: number | undefined,
): number {
	const held = Math.min(Math.max(from, ring.start), ring.end);
	return tailLines === undefined ? held : lineStart(ring, held, tailLines);
}

const NEWLINE = 0x0a;
const SCAN = 64 * 1024;

/** Where the last `lines` lines begin, not before `floor`. A newline at the very end ends a line. */
function lineStart(ring: OutputRing, floor: number, lines: number): number {
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

function take(
	ring: OutputRing,
	from: number,
	limit: number,
	{ tailLines, encoding }: ReadRequest,
): Piece {
	const wanted = firstWanted(ring, from, tailLines);
	const dropped = Math.max(0, Math.min(ring.start, ring.end) - from);
	const first =
		tailLines === undefined ? wanted : Math.max(wanted, ring.end - limit);
	const isCut = first > wanted || (dropped > 0 && first === ring.start);
	const start = isCut ? first + orphansAt(ring, first, encoding) : first;
	const read = ring.read(start, limit);
	const slice = whole(ring, read, encoding);
	return {
		...slice,
		dropped: first === ring.start ? dropped + (start - first) : dropped,
		truncated: first > wanted || (read.end < ring.end && slice.end < ring.end),
	};
}

/** Bytes at an offset that end a character whose beginning is not given; the limit must not hide any. */
function orphansAt(
	ring: OutputRing,
	offset: number,
	encoding: Encoding,
): number {
	return encoding === "utf-8" ? orphanedHead(ring.read(offset, 3).bytes) : 0;
}

/** The slice without a character that its end would split, where it is read as UTF-8. */
function whole(ring: OutputRing, slice: Slice, encoding: Encoding): Slice {
	if (encoding !== "utf-8") return slice;
	const trimmed = withoutSplit(ring, slice);
	if (trimmed.bytes.length > 0 || slice.bytes.length === 0) return trimmed;
	// A limit below one character: that character is given all the same.
	const [lead = 0] = slice.bytes;
	return withoutSplit(ring, ring.read(slice.start, sequenceLength(lead)));
}

function withoutSplit(ring: OutputRing, slice: Slice): Slice {
	const isFinal = ring.ended && slice.end === ring.end;
	const tail = isFinal ? 0 : incompleteTail(slice.bytes);
	return {
		bytes: slice.bytes.subarray(0, slice.bytes.length - tail),
		start: slice.start,
		end: slice.end - tail,
	};
}

// A byte order mark is a character of the output like any other.
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

function encode(bytes: Uint8Array, encoding: Encoding): string {
	if (encoding === "utf-8") return utf8.decode(bytes);
	return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString(
		encoding,
	);
}
