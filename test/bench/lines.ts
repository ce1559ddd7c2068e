const NEWLINE = 0x0a;

/** Gives each line of a stream, without its end, as soon as it is whole; the last one needs none. */
export async function* linesOf(
	stream: AsyncIterable<Uint8Array>,
): AsyncGenerator<string> {
	let pieces: Uint8Array[] = [];
	for await (const chunk of stream) {
		let start = 0;
		for (;;) {
			const end = chunk.indexOf(NEWLINE, start);
			if (end < 0) break;
			pieces.push(chunk.subarray(start, end));
			yield textOf(pieces);
			pieces = [];
			start = end + 1;
		}
		if (start < chunk.length) pieces.push(chunk.subarray(start));
	}
	if (pieces.length > 0) yield textOf(pieces);
}

function textOf(pieces: readonly Uint8Array[]): string {
	return Buffer.concat(pieces).toString("utf8");
}
