/**
 * What programs ask a terminal (xterm's ctlseqs): where its cursor is, what it is,
 * which modes are set, how large it is, its colors.
 */

type Place = "text" | "escape" | "csi" | "osc" | "dcs";

const BELL = 0x07;
const CANCEL = 0x18;
const SUBSTITUTE = 0x1a;
const ESCAPE = 0x1b;

/** Where one is behind an escape and this byte; behind any other in the text. */
const PLACES: Readonly<Partial<Record<number, Place>>> = {
	[ESCAPE]: "escape",
	91: "csi",
	93: "osc",
	80: "dcs",
};

/** Questions in the form CSI … and a final byte, by that byte: what stands between. */
const ASKING: Readonly<Partial<Record<string, RegExp>>> = {
	c: /^/,
	n: /^/,
	p: /\$$/,
	t: /^18$/,
};
const ASKING_STRINGS = { osc: /^1[0-2];.*\?/, dcs: /^\$q/ };

/** Bytes that are remembered of a sequence; questions are short. */
const LONGEST = 16;

/**
 * Sees in what programs write, piece by piece, that they ask something. It costs
 * little where they don't, and may take for a question what is none.
 */
export class QueryScan {
	#place: Place = "text";
	/** What stands in the sequence so far, without controls. */
	#inner = "";

	/** @returns index after the last question that ends in these bytes; 0 where none does */
	scan(bytes: Uint8Array): number {
		let end = 0;
		for (let at = 0; at < bytes.length; at++) {
			if (this.#place === "text") {
				at = bytes.indexOf(ESCAPE, at);
				if (at < 0) break;
				this.#place = "escape";
			} else if (this.#step(bytes[at] ?? 0)) end = at + 1;
		}
		return end;
	}

	/** Goes on within a sequence; whether a question ends with this byte. */
	#step(byte: number): boolean {
		const place = this.#place;
		if (place === "text" || place === "escape") {
			this.#place = PLACES[byte] ?? "text";
			this.#inner = "";
			return false;
		}
		const isEnd = place === "csi" ? byte >= 0x40 : byte === BELL;
		const isGivenUp = byte === CANCEL || byte === SUBSTITUTE;
		if (!isEnd && !isGivenUp && byte !== ESCAPE) {
			if (byte >= 0x20 && this.#inner.length < LONGEST)
				this.#inner += String.fromCharCode(byte);
			return false;
		}
		this.#place = byte === ESCAPE ? "escape" : "text";
		if (isGivenUp) return false;
		if (place !== "csi") return ASKING_STRINGS[place].test(this.#inner);
		return ASKING[String.fromCharCode(byte)]?.test(this.#inner) ?? false;
	}
}
