import type { SearchPattern } from "../security/pattern.ts";
import { unfinishedSequence } from "./escapes.ts";
import type { Readable, Slice } from "./output.ts";
import { searchableText } from "./plain.ts";
import { withoutSplit } from "./reader.ts";
import { incompleteTail, orphanedHead } from "./text.ts";

/** Bytes that are looked at again with what comes after them: a match may be so long. */
export const OVERLAP = 4096;
/** Bytes that are looked at for the first time in one step. */
const STEP = 16 * 1024;

export type PatternName = "pattern" | "failPattern";

/** Found in a stream. */
export interface Match {
	readonly name: PatternName;
	readonly text: string;
	/** Offset after the line in which it ends, as far as that was written. */
	readonly end: number;
	/** It reaches to the end of what was written: more might belong to it. */
	readonly isOpen: boolean;
}

export type Patterns = Readonly<Partial<Record<PatternName, SearchPattern>>>;

const NEWLINE = 0x0a;
/** Stands for what follows, so that a line which goes on does not end for `$`. */
const MORE = "\0";

/** A piece of a stream as patterns are held against it. */
interface View {
	readonly slice: Slice;
	/** Nothing follows it yet. */
	readonly isLast: boolean;
	readonly text: string;
	/** Index of the piece's first character in the text, after the one before it. */
	readonly from: number;
	/** Index after its last one. */
	readonly end: number;
}

/**
 * Looks for patterns in a stream while it grows. Each byte is looked at once or
 * twice, however small the pieces are in which it comes; nothing is kept of it.
 */
export class StreamSearch {
	/** Offset from which on it looks. */
	#from: number;
	/** Offset up to which nothing was found. */
	#seen: number;

	constructor(
		private readonly ring: Readable,
		from: number,
		private readonly patterns: Patterns,
	) {
		this.#from = from;
		this.#seen = from;
	}

	/** Whether there is something that was not looked at. */
	get isBehind(): boolean {
		return this.#seen < this.ring.end;
	}

	/** Looks at the next piece. */
	step(): Match | undefined {
		const { ring } = this;
		const start = Math.max(this.#from, ring.start);
		const length = Math.max(this.#seen, start) - start + STEP;
		let view = this.#view(start, length);
		let found = this.#first(view);
		// What reaches to the end of a step is looked at with what follows it.
		if (found && found.end >= view.end && !view.isLast) {
			view = this.#view(start, length + OVERLAP);
			found = this.#first(view);
		}
		const { slice, isLast } = view;
		if (found) {
			const end = Math.min(found.end, view.end);
			return {
				name: found.name,
				text: view.text.slice(found.start, end),
				end: start + lineEnd(slice.bytes, end - view.from),
				isOpen: end === view.end && isLast && !ring.ended,
			};
		}
		// What is held back comes with what follows it; until then there is no more to see.
		this.#seen = isLast ? ring.end : slice.end;
		this.#from = overlapStart(slice.bytes, start);
		return undefined;
	}

	#view(start: number, length: number): View {
		const { ring } = this;
		const slice = withoutSplit(ring, ring.read(start, length), true);
		const isLast = slice.end + heldBack(ring, slice.end) >= ring.end;
		const context = contextAt(ring, start);
		const text = context + searchableText(slice.bytes);
		return {
			slice,
			isLast,
			text: isLast ? text : text + MORE,
			from: context.length,
			end: text.length,
		};
	}

	/** The match that begins first; of two, failure. */
	#first({ text, from }: View) {
		const { pattern, failPattern } = this.patterns;
		const good = pattern?.find(text, from);
		const bad = failPattern?.find(text, from);
		if (bad && (!good || bad.start <= good.start))
			return { name: "failPattern" as const, ...bad };
		return good && { name: "pattern" as const, ...good };
	}
}

/** Bytes after an offset that begin a character or a sequence which is not complete yet. */
function heldBack(ring: Readable, offset: number): number {
	const { bytes } = ring.read(
		offset,
		ring.end - offset > OVERLAP ? 0 : OVERLAP,
	);
	const held = Math.max(incompleteTail(bytes), unfinishedSequence(bytes));
	return held === bytes.length ? held : 0;
}

/** The character before an offset, where a line does not begin there. */
function contextAt(ring: Readable, offset: number): string {
	if (offset <= ring.start) return "";
	const [before = NEWLINE] = ring.read(offset - 1, 1).bytes;
	if (before === NEWLINE || before === 0x0d) return "";
	return before < 0x80 ? String.fromCharCode(before) : "x";
}

/** Where to look again from: a line's beginning, or else a character's. */
function overlapStart(bytes: Uint8Array, start: number): number {
	const least = Math.max(0, bytes.length - OVERLAP);
	if (least === 0) return start;
	const newline = bytes.indexOf(NEWLINE, least);
	if (newline >= 0) return start + newline + 1;
	return start + least + orphanedHead(bytes.subarray(least, least + 4));
}

/** Index after the line in which a place of the bytes' text lies; every newline stays in that. */
function lineEnd(bytes: Uint8Array, place: number): number {
	const ends: number[] = [];
	for (
		let at = bytes.indexOf(NEWLINE);
		at >= 0;
		at = bytes.indexOf(NEWLINE, at + 1)
	)
		ends.push(at + 1);
	let [low, high] = [0, ends.length];
	while (low < high) {
		const middle = (low + high) >> 1;
		const text = searchableText(bytes.subarray(0, ends[middle]));
		if (text.length >= place) high = middle;
		else low = middle + 1;
	}
	return ends[low] ?? bytes.length;
}
