import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { OutputRing } from "../../src/process/output.ts";

/** The same, kept in the simplest way. */
class NaiveRing {
	all: number[] = [];
	constructor(readonly capacity: number) {}

	get start(): number {
		return Math.max(0, this.all.length - this.capacity);
	}

	read(offset: number, limit: number) {
		const end = this.all.length;
		const from = Math.min(Math.max(offset, this.start), end);
		const to = Math.min(end, from + limit);
		return { bytes: this.all.slice(from, to), start: from, end: to };
	}
}

/** Bytes that differ from their neighbours, so that a shift shows. */
function counting(from: number, length: number): Uint8Array {
	return Uint8Array.from({ length }, (_, index) => (from + index) % 251);
}

function checkAgainstModel(
	capacity: number,
	sizes: readonly number[],
	reads: readonly (readonly [offset: number, limit: number])[],
): void {
	const ring = new OutputRing(capacity);
	const model = new NaiveRing(capacity);
	for (const size of sizes) {
		const chunk = counting(model.all.length, size);
		ring.append(chunk);
		for (const byte of chunk) model.all.push(byte);
		expect(ring.end).toBe(model.all.length);
		expect(ring.start).toBe(model.start);
		expect(ring.size).toBe(model.all.length - model.start);
		expect(ring.size).toBeLessThanOrEqual(capacity);
		for (const [offset, limit] of reads) {
			const at = offset % (model.all.length + 10);
			const { bytes, start, end } = ring.read(at, limit);
			expect({ bytes: [...bytes], start, end }).toEqual(model.read(at, limit));
		}
	}
}

const read = fc.tuple(fc.nat({ max: 20_000 }), fc.nat({ max: 5000 }));

describe("OutputRing", () => {
	it("holds what a naive model holds, with small capacities", () => {
		fc.assert(
			fc.property(
				fc.integer({ min: 1, max: 50 }),
				fc.array(fc.nat({ max: 120 }), { maxLength: 30 }),
				fc.array(read, { maxLength: 4 }),
				checkAgainstModel,
			),
		);
	});

	it("holds what a naive model holds, across blocks", () => {
		fc.assert(
			fc.property(
				fc.integer({ min: 900, max: 6000 }),
				fc.array(fc.nat({ max: 7000 }), { maxLength: 8 }),
				fc.array(read, { maxLength: 3 }),
				checkAgainstModel,
			),
			{ numRuns: 40 },
		);
	});

	it("keeps only the end of a chunk larger than its capacity", () => {
		const ring = new OutputRing(100);
		ring.append(counting(0, 30));
		ring.append(counting(30, 1000));
		expect(ring.start).toBe(930);
		expect(ring.end).toBe(1030);
		expect(ring.read(0, 1000)).toEqual({
			bytes: counting(930, 100),
			start: 930,
			end: 1030,
		});
	});

	it("gives a copy: what is appended later does not change it", () => {
		const ring = new OutputRing(10);
		ring.append(counting(0, 10));
		const { bytes } = ring.read(0, 10);
		ring.append(counting(100, 10));
		expect(bytes).toEqual(counting(0, 10));
	});

	it("takes a copy: its caller may use the chunk again", () => {
		const ring = new OutputRing(10);
		const chunk = counting(0, 5);
		ring.append(chunk);
		chunk.fill(0xff);
		expect(ring.read(0, 5).bytes).toEqual(counting(0, 5));
	});

	it("reads nothing, at its end, past the end and with no limit", () => {
		const ring = new OutputRing(10);
		expect(ring.read(0, 10)).toMatchObject({ start: 0, end: 0 });
		ring.append(counting(0, 4));
		expect(ring.read(4, 10)).toMatchObject({ start: 4, end: 4 });
		expect(ring.read(99, 10)).toMatchObject({ start: 4, end: 4 });
		expect(ring.read(2, 0)).toMatchObject({ start: 2, end: 2 });
	});

	it("says when the stream has ended", () => {
		const ring = new OutputRing(10);
		expect(ring.ended).toBe(false);
		ring.finish();
		expect(ring.ended).toBe(true);
	});

	it("uses the memory of what it drops again, wherever chunks end", () => {
		const block = 256 * 1024;
		const capacity = 8 * block;
		const ring = new OutputRing(capacity);
		const memory = new Set<ArrayBufferLike>();
		let seed = 1;
		const feed = (size: number) => {
			ring.append(counting(0, size));
			memory.add(ring.view(ring.end - 1).buffer);
		};
		while (ring.end < capacity) feed(64 * 1024);
		memory.clear();
		while (ring.end < 20 * capacity) {
			// Most chunks are whole pages, so that many end just where a block does.
			seed = (seed * 48_271) % 0x7fff_ffff;
			feed(seed % 5 === 0 ? 4096 * ((seed % 15) + 1) : 64 * 1024);
		}
		expect(memory.size).toBeLessThanOrEqual(capacity / block + 3);
	});

	it("costs little more memory than its capacity, however much passes through", () => {
		const script = `
			const { OutputRing } = await import(${JSON.stringify(`${import.meta.dir}/../../src/process/output.ts`)});
			const ring = new OutputRing(2 ** 20);
			const chunk = new Uint8Array(65_537).fill(7);
			const feed = (bytes) => {
				for (let left = bytes; left > 0; left -= chunk.length) ring.append(chunk);
				Bun.gc(true);
				return process.memoryUsage.rss();
			};
			const before = feed(32 * 2 ** 20);
			console.log(feed(1024 * 2 ** 20) - before, ring.size);`;
		const { stdout } = Bun.spawnSync([process.execPath, "-e", script]);
		const [growth, size] = stdout.toString().split(" ").map(Number);
		expect(size).toBe(2 ** 20);
		expect(growth).toBeLessThan(200 * 2 ** 20);
	});

	it("costs a quiet process next to nothing", () => {
		const script = `
			const { OutputRing } = await import(${JSON.stringify(`${import.meta.dir}/../../src/process/output.ts`)});
			Bun.gc(true);
			const before = process.memoryUsage.rss();
			const rings = Array.from({ length: 2000 }, () => new OutputRing(10 * 2 ** 20));
			for (const ring of rings) ring.append(Uint8Array.of(1));
			Bun.gc(true);
			console.log(process.memoryUsage.rss() - before, rings.length);`;
		const { stdout } = Bun.spawnSync([process.execPath, "-e", script]);
		const [growth, count] = stdout.toString().split(" ").map(Number);
		expect(count).toBe(2000);
		// The whole of each would be 20 GB, one of its largest blocks 500 MB.
		expect(growth).toBeLessThan(100 * 2 ** 20);
	});
});
