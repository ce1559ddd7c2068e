/** Longest UTF-8 sequence (RFC 3629). */
const MAX_SEQUENCE = 4;

/** How many bytes at the end of `bytes` begin a character that isn't complete. */
export function incompleteTail(bytes: Uint8Array): number {
	const deepest = Math.min(MAX_SEQUENCE - 1, bytes.length);
	for (let back = 1; back <= deepest; back++) {
		const byte = bytes[bytes.length - back] ?? 0;
		if (isContinuation(byte)) continue;
		return sequenceLength(byte) > back ? back : 0;
	}
	return 0;
}

/** How many bytes at the start of `bytes` end a character whose beginning is missing. */
export function orphanedHead(bytes: Uint8Array): number {
	const deepest = Math.min(MAX_SEQUENCE - 1, bytes.length);
	let count = 0;
	while (count < deepest && isContinuation(bytes[count] ?? 0)) count++;
	return count;
}

function isContinuation(byte: number): boolean {
	return (byte & 0xc0) === 0x80;
}

/** How many bytes a character has that begins with `lead`. */
export function sequenceLength(lead: number): number {
	if (lead >= 0xf0 && lead <= 0xf4) return 4;
	if (lead >= 0xe0 && lead < 0xf0) return 3;
	if (lead >= 0xc2 && lead < 0xe0) return 2;
	return 1;
}
