const LONGEST = 80;

/** A value as messages show it: on one line, in quotes, cut where it is long. */
export function quote(text: string): string {
	return JSON.stringify(
		text.length > LONGEST ? `${text.slice(0, LONGEST - 3)}...` : text,
	);
}
