import { Hold } from "./hold.ts";
import { Listeners } from "./listeners.ts";

/** Part of a stream. */
export interface Slice {
	readonly bytes: Uint8Array;
	/** Offset of the first byte in `bytes`. */
	readonly start: number;
	/** Offset after the last byte in `bytes`. */
	readonly end: number;
}

/** What readers need of a ring. */
export interface Readable {
	readonly start: number;
	readonly end: number;
	readonly ended: boolean;
	read(offset: number, limit: number): Slice;
}

/** A ring up to an offset, as if nothing had come after it. */
export function upTo(ring: Readable, end: number): Readable {
	if (end >= ring.end) return ring;
	return {
		start: Math.min(ring.start, end),
		end,
		ended: false,
		read: (offset, limit) =>
			ring.read(
				Math.min(offset, end),
				Math.max(0, Math.min(limit, end - Math.max(offset, ring.start))),
			),
	};
}

const SMALLEST_BLOCK = 1024;
const LARGEST_BLOCK = 256 * 1024;
/** Two may be dropped before the next one is wanted, as a chunk ends with a block or within one. */
const MOST_SPARES = 2;
const NOTHING = new Uint8Array(0);

/**
 * The last bytes of a stream, up to a bound. Every byte has an offset from the
 * stream's start, which never changes; when the bound is passed the oldest are
 * dropped, unless they are held: then who appends has to wait for room.
 *
 * Bytes are kept in blocks that grow with the stream, so that a thousand quiet
 * processes cost little and a loud one costs few blocks.
 */
export class OutputRing {
	readonly #blocks: Uint8Array[] = [];
	/** Bytes used of the last block. */
	#used = 0;
	/** Offset of the first block's first byte; what is held may start within it. */
	#base = 0;
	#start = 0;
	#end = 0;
	#ended = false;
	/** Blocks that were dropped, to be used again. */
	readonly #spares: Uint8Array[] = [];
	#hold: Hold | undefined;
	/** Told of what came, and of the stream's end. */
	readonly changed = new Listeners();

	/** @param capacity bytes held at most; while they are kept by a hold, a chunk more */
	constructor(readonly capacity: number) {}

	/** Offset of the oldest byte held: how many were dropped. */
	get start(): number {
		return this.#start;
	}

	/** Offset after the newest byte: how many the stream gave. */
	get end(): number {
		return this.#end;
	}

	/** Bytes held. */
	get size(): number {
		return this.#end - this.#start;
	}

	/** Whether the stream's end was reached. */
	get ended(): boolean {
		return this.#ended;
	}

	/** What keeps its bytes from being dropped, if anything does. */
	get hold(): Hold | undefined {
		return this.#hold;
	}

	/** From now on no byte is dropped that was not taken. */
	keep(): Hold {
		this.#hold ??= new Hold();
		return this.#hold;
	}

	/** Whether nothing may be appended until something is taken. */
	get isFull(): boolean {
		const taken = this.#hold?.taken ?? Number.POSITIVE_INFINITY;
		return this.#end - taken >= this.capacity;
	}

	/** Resolves when there is room for more. */
	async room(): Promise<void> {
		while (this.#hold && this.isFull) await this.#hold.next();
	}

	/** Resolves when there are bytes after `offset`, or the stream has ended. */
	async more(offset: number): Promise<void> {
		while (this.#end <= offset && !this.#ended) await this.changed.next();
	}

	append(chunk: Uint8Array): void {
		// Of a chunk larger than all that can be held, only the end would stay.
		const skipped = this.#hold ? 0 : Math.max(0, chunk.length - this.capacity);
		if (skipped > 0) this.#clear(this.#end + skipped);
		let rest = chunk.subarray(skipped);
		while (rest.length > 0) {
			const block = this.#room();
			const taken = rest.subarray(0, block.length - this.#used);
			block.set(taken, this.#used);
			this.#used += taken.length;
			this.#end += taken.length;
			rest = rest.subarray(taken.length);
		}
		this.#drop();
		this.changed.call();
	}

	/** Gives up everything that is held. */
	drop(): void {
		this.#clear(this.#end);
	}

	finish(): void {
		this.#ended = true;
		this.changed.call();
	}

	/**
	 * The bytes at `offset`, as many as lie in one piece, not copied: they are
	 * good for as long as they aren't taken.
	 */
	view(offset: number): Uint8Array {
		let end = this.#end;
		for (let index = this.#blocks.length - 1; index >= 0; index--) {
			const block = this.#blocks[index] ?? NOTHING;
			const isLast = index === this.#blocks.length - 1;
			const length = isLast ? this.#used : block.length;
			if (offset >= end - length)
				return block.subarray(offset - (end - length), length);
			end -= length;
		}
		return NOTHING;
	}

	/**
	 * Up to `limit` bytes from `offset` on; from the oldest ones held where those
	 * at `offset` were dropped.
	 */
	read(offset: number, limit: number): Slice {
		const start = Math.min(Math.max(offset, this.#start), this.#end);
		const end = Math.min(this.#end, start + limit);
		const bytes = new Uint8Array(end - start);
		let at = this.#base;
		for (const block of this.#blocks) {
			const from = Math.max(start, at);
			const to = Math.min(end, at + block.length);
			if (from < to)
				bytes.set(block.subarray(from - at, to - at), from - start);
			at += block.length;
			if (at >= end) break;
		}
		return { bytes, start, end };
	}

	/** The block to write to, with at least one byte free. */
	#room(): Uint8Array {
		const last = this.#blocks.at(-1);
		if (last && this.#used < last.length) return last;
		const size = Math.min(
			Math.max(SMALLEST_BLOCK, this.size),
			LARGEST_BLOCK,
			Math.max(SMALLEST_BLOCK, this.capacity),
		);
		// Fresh memory costs more than what is written to it.
		const spare = size === LARGEST_BLOCK ? this.#spares.pop() : undefined;
		const block = spare ?? new Uint8Array(size);
		this.#blocks.push(block);
		this.#used = 0;
		return block;
	}

	#drop(): void {
		const surplus = this.#end - this.capacity;
		const oldest = Math.min(surplus, this.#hold?.taken ?? surplus);
		this.#start = Math.max(this.#start, oldest);
		let first = this.#blocks[0];
		while (first && this.#blocks.length > 1) {
			if (this.#base + first.length > this.#start) return;
			this.#base += first.length;
			this.#blocks.shift();
			if (first.length === LARGEST_BLOCK && this.#spares.length < MOST_SPARES)
				this.#spares.push(first);
			first = this.#blocks[0];
		}
	}

	#clear(offset: number): void {
		this.#blocks.length = 0;
		this.#used = 0;
		this.#base = offset;
		this.#start = offset;
		this.#end = offset;
	}
}
