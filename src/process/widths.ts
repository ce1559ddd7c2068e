import type { IUnicodeVersionProvider } from "@xterm/headless";

/** Code points of which the width is remembered. */
const REMEMBERED = 0x10000;
const UNKNOWN = 255;

/** Marks that one character may have; some scripts use four, and a cell with millions takes all memory. */
const MOST_MARKS = 32;

/** Shared by all emulators. */
const widths = new Uint8Array(REMEMBERED).fill(UNKNOWN);

/**
 * How many columns characters take, as the runtime knows it, and which ones
 * belong to the one before. What an emulator is told about a character is one
 * number: bit 0, whether it belongs to the one before; bits 1 and 2, the columns; above,
 * what it gives back with the next character, here how many marks there are.
 */
export class BoundedUnicode implements IUnicodeVersionProvider {
	readonly version = "bounded";

	wcwidth(codePoint: number): 0 | 1 | 2 {
		if (codePoint < 0x7f) return codePoint < 0x20 ? 0 : 1;
		if (codePoint >= REMEMBERED) return measured(codePoint);
		const known = widths[codePoint];
		if (known === 0 || known === 1 || known === 2) return known;
		const width = measured(codePoint);
		widths[codePoint] = width;
		return width;
	}

	charProperties(codePoint: number, preceding: number): number {
		const width = this.wcwidth(codePoint);
		const before = (preceding >> 1) & 3;
		if (width > 0 || before === 0) return width << 1;
		const marks = (preceding >> 3) + 1;
		return marks > MOST_MARKS ? 0 : (marks << 3) | (before << 1) | 1;
	}
}

function measured(codePoint: number): 0 | 1 | 2 {
	const width = Bun.stringWidth(String.fromCodePoint(codePoint));
	return width === 0 || width === 1 ? width : 2;
}
