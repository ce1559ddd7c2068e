/**
 * Archives whose bytes depend on nothing but what is put into them: no times, no
 * owners, no order of a folder.
 */
import { promisify } from "node:util";
import * as zlib from "node:zlib";

const [gzip, deflateRaw] = [promisify(zlib.gzip), promisify(zlib.deflateRaw)];

/** A file in an archive. */
export interface Entry {
	readonly name: string;
	readonly data: Uint8Array;
	readonly executable?: boolean;
}

const BLOCK = 512;

/** A gzipped tar archive (the ustar format, POSIX.1-1988; names of up to 100 bytes). */
export async function tarGz(entries: readonly Entry[]): Promise<Uint8Array> {
	const parts = entries.flatMap((entry) => [
		tarHeader(entry),
		entry.data,
		new Uint8Array((BLOCK - (entry.data.length % BLOCK)) % BLOCK),
	]);
	const tar = Buffer.concat([...parts, new Uint8Array(2 * BLOCK)]);
	const packed = await gzip(tar, { level: 6 });
	// The system that it was made on (RFC 1952, 2.3.1): unknown.
	packed[9] = 255;
	return packed;
}

function tarHeader({ name, data, executable }: Entry): Uint8Array {
	const header = Buffer.alloc(BLOCK);
	if (Buffer.byteLength(name) > 100) throw new Error(`${name} is too long`);
	const octal = (value: number, at: number, length: number) =>
		header.write(`${value.toString(8).padStart(length - 1, "0")}\0`, at);
	header.write(name, 0);
	octal(executable ? 0o755 : 0o644, 100, 8);
	octal(0, 108, 8);
	octal(0, 116, 8);
	octal(data.length, 124, 12);
	octal(0, 136, 12);
	header.write(" ".repeat(8), 148);
	header.write("0", 156);
	header.write("ustar\x0000", 257);
	octal(0, 329, 8);
	octal(0, 337, 8);
	const sum = header.reduce((total, byte) => total + byte, 0);
	header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
	return header;
}

/** The first day that a zip archive knows, 1980-01-01. */
const DOS_DATE = 0x21;
const UNIX = 3;
const DEFLATE = 8;

/** A zip archive (PKWARE's APPNOTE 4.3), which keeps what is executable. */
export async function zip(entries: readonly Entry[]): Promise<Uint8Array> {
	const parts: Uint8Array[] = [];
	const directory: Uint8Array[] = [];
	let offset = 0;
	for (const { name, data, executable } of entries) {
		const packed = await deflateRaw(data, { level: 6 });
		const title = Buffer.from(name);
		const common = Buffer.alloc(26);
		common.writeUInt16LE(20, 0);
		common.writeUInt16LE(DEFLATE, 4);
		common.writeUInt16LE(DOS_DATE, 8);
		common.writeUInt32LE(Bun.hash.crc32(data), 10);
		common.writeUInt32LE(packed.length, 14);
		common.writeUInt32LE(data.length, 18);
		common.writeUInt16LE(title.length, 22);
		const record = Buffer.concat([Buffer.from("PK\x03\x04"), common, title]);
		const attributes = Buffer.alloc(14);
		const mode = 0o100000 | (executable ? 0o755 : 0o644);
		attributes.writeUInt32LE((mode << 16) >>> 0, 6);
		attributes.writeUInt32LE(offset, 10);
		directory.push(
			Buffer.from("PK\x01\x02"),
			Buffer.from([20, UNIX]),
			common,
			attributes,
			title,
		);
		parts.push(record, packed);
		offset += record.length + packed.length;
	}
	const central = Buffer.concat(directory);
	const end = Buffer.alloc(18);
	end.writeUInt16LE(entries.length, 4);
	end.writeUInt16LE(entries.length, 6);
	end.writeUInt32LE(central.length, 8);
	end.writeUInt32LE(offset, 12);
	return Buffer.concat([...parts, central, Buffer.from("PK\x05\x06"), end]);
}

export function sha256(data: Uint8Array | string): string {
	return new Bun.CryptoHasher("sha256").update(data).digest("hex");
}
