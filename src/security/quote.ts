const LONGEST = 80;

/** A value as messages show it: on one line, in quotes, cut where it is long. */
export function quote(text: string): string {
	const short =
		text.length > LONGEST ? `${text.slice(0, LONGEST - 3)}...` : text;
	return JSON.stringify(short).replace(
		/[\p{Cc}\p{Cf}]/gu,
		(hidden) => `\\u{${(hidden.codePointAt(0) ?? 0).toString(16)}}`,
	);
}
