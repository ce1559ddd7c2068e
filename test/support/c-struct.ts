/** A field of a C structure: its type, its name, and its length where it is an array. */
export type Field = readonly [type: CType, name: string, count?: number];

const BYTES = {
	u8: 1,
	u16: 2,
	i16: 2,
	u32: 4,
	i32: 4,
	u64: 8,
	i64: 8,
} as const;

export type CType = keyof typeof BYTES;

/**
 * A structure as a C compiler lays it out where every type is aligned to its own
 * size, as both processors of Macs have it: from the fields that a header
 * declares, in their order, not from offsets that somebody worked out.
 */
export class CStruct {
	readonly size: number;
	readonly #offsets = new Map<string, { at: number; type: CType }>();

	constructor(fields: readonly Field[]) {
		let end = 0;
		let alignment = 1;
		for (const [type, name, count = 1] of fields) {
			const size = BYTES[type];
			alignment = Math.max(alignment, size);
			const at = Math.ceil(end / size) * size;
			this.#offsets.set(name, { at, type });
			end = at + size * count;
		}
		this.size = Math.ceil(end / alignment) * alignment;
	}

	/** Byte offset of a field. */
	offset(name: string): number {
		return this.#find(name).at;
	}

	/** Bytes of which those of fields without a value are all ones. */
	fill(values: Readonly<Record<string, number | bigint>>): Uint8Array {
		const bytes = new Uint8Array(this.size).fill(0xff);
		const view = new DataView(bytes.buffer);
		for (const [name, value] of Object.entries(values)) {
			const { at, type } = this.#find(name);
			const whole = BigInt.asUintN(64, BigInt(value));
			for (let byte = 0; byte < BYTES[type]; byte++)
				view.setUint8(at + byte, Number((whole >> BigInt(8 * byte)) & 0xffn));
		}
		return bytes;
	}

	#find(name: string): { at: number; type: CType } {
		const field = this.#offsets.get(name);
		if (!field) throw new Error(`no field ${name}`);
		return field;
	}
}
