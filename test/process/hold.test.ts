import { describe, expect, it } from "bun:test";
import { Hold } from "../../src/process/hold.ts";
import { OutputRing } from "../../src/process/output.ts";

describe("Hold", () => {
	it("is as far as a reader confirms, and never goes back", () => {
		const hold = new Hold();
		hold.confirm(5);
		hold.confirm(3);
		expect(hold.taken).toBe(5);
		hold.free();
	});

	it("counts no readers once a stage has claimed it", () => {
		const hold = new Hold();
		hold.confirm(5);
		hold.claim();
		hold.confirm(7);
		hold.glance();
		hold.glance();
		hold.free();
		expect(hold.taken).toBe(0);
		hold.take(2);
		expect(hold.taken).toBe(2);
	});

	it("ends with the second look without cursor", () => {
		const hold = new Hold();
		hold.glance();
		expect(hold.taken).toBe(0);
		hold.glance();
		expect(hold.taken).toBe(Number.POSITIVE_INFINITY);
	});

	it.each([
		["a look", (hold: Hold) => hold.glance()],
		["a cursor", (hold: Hold) => hold.confirm(1)],
	])("ends when nothing is heard of a reader after %s", async (_, read) => {
		const hold = new Hold(1);
		read(hold);
		while (hold.taken < Number.POSITIVE_INFINITY) await hold.next();
	});

	it("makes room in a full ring when it ends, and can be claimed anew", async () => {
		const ring = new OutputRing(4);
		const hold = ring.keep();
		ring.append(new Uint8Array(4));
		expect(ring.isFull).toBe(true);
		const room = ring.room();
		hold.free();
		await room;
		expect(ring.isFull).toBe(false);
		hold.claim();
		expect(ring.isFull).toBe(true);
	});
});
