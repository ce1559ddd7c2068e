/**
 * What programs ask a terminal (xterm's ctlseqs): where its cursor is, what it is,
 * which modes are set, how large it is, its colors.
 */

const BELL = 0x07;
const ESCAPE = 0x1b;
const CSI = 0x5b;
const OSC = 0x5d;
const DCS = 0x50;

/** The final bytes of questions in the form CSI … */
const ATTRIBUTES = 0x63;
const STATUS = 0x6e;
const MODE = 0x70;
const WINDOW = 0x74;

/** Bytes of the longest question. */
const LONGEST = 32;
const NOTHING = new Uint8Array(0);

/**
 * Sees in what programs write, piece by piece, that they ask something. It costs
 * little where they don't, and may take for a question what is none.
 */
export class QueryScan {
	/** An unfinished sequence at the end of the piece before. */
	#rest: Uint8Array = NOTHING;

	/** @returns index after the last question that ends in this piece; 0 where none does */
	scan(piece: Uint8Array): number {
		const before = this.#rest.length;
		const bytes = before > 0 ? Buffer.concat([this.#rest, piece]) : piece;
		this.#rest = NOTHING;
		let question = 0;
		for (let at = bytes.indexOf(ESCAPE); at >= 0; ) {
			const end = endOf(bytes, at);
			if (end === undefined) {
				if (bytes.length - at <= LONGEST) this.#rest = bytes.slice(at);
				break;
			}
			if (isQuestion(bytes, at, end)) question = end + 1;
			at = bytes.indexOf(ESCAPE, Math.max(at + 1, end));
		}
		return Math.max(0, question - before);
	}
}

/** Index of the last byte of the sequence at an index, or of one after which it is none; undefined where that has yet to come. */
function endOf(bytes: Uint8Array, at: number): number | undefined {
	const kind = bytes[at + 1];
	if (kind === undefined) return undefined;
	const isString = kind === OSC || kind === DCS;
	if (kind !== CSI && !isString) return at;
	const last = Math.min(bytes.length, at + LONGEST);
	for (let index = at + 2; index < last; index++) {
		const byte = bytes[index] ?? 0;
		const isEnd = isString ? byte === BELL : byte >= 0x40;
		if (isEnd || byte === ESCAPE) return index;
	}
	return last < bytes.length ? last : undefined;
}

/** Whether what lies between two indices asks something that the terminal can answer. */
function isQuestion(bytes: Uint8Array, at: number, end: number): boolean {
	const final = bytes[end];
	switch (bytes[at + 1]) {
		case CSI:
			if (final === ATTRIBUTES || final === STATUS) return true;
			if (final === MODE) return bytes[end - 1] === 0x24;
			return final === WINDOW && textOf(bytes, at, end) === "18";
		case OSC:
			return /^1[0-2];.*\?/.test(textOf(bytes, at, end));
		case DCS:
			return textOf(bytes, at, end).startsWith("$q");
		default:
			return false;
	}
}

function textOf(bytes: Uint8Array, at: number, end: number): string {
	return Buffer.from(bytes.subarray(at + 2, end)).toString("latin1");
}
