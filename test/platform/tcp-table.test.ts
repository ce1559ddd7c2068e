import { describe, expect, it } from "bun:test";
import { IPV4, IPV6, portsIn } from "../../src/platform/tcp-table.ts";

/** A table as the system fills it, of ports and the pids that have them. */
function table(
	{ size, port, pid }: typeof IPV4,
	rows: readonly (readonly [port: number, pid: number])[],
): DataView {
	const view = new DataView(new ArrayBuffer(4096));
	view.setUint32(0, rows.length, true);
	for (const [index, [number, owner]] of rows.entries()) {
		view.setUint16(4 + index * size + port, number, false);
		view.setUint32(4 + index * size + pid, owner, true);
	}
	return view;
}

describe("a table of listeners under Windows", () => {
	it.each([
		["IPv4", IPV4],
		["IPv6", IPV6],
	] as const)("of %s tells the ports of processes", (_, layout) => {
		const rows = [
			[8080, 10],
			[22, 99],
			[65535, 11],
		] as const;
		const view = table(layout, rows);
		expect(portsIn(view, layout, new Set([10, 11]))).toEqual([8080, 65535]);
		expect(portsIn(view, layout, new Set([12]))).toEqual([]);
		expect(portsIn(table(layout, []), layout, new Set([10]))).toEqual([]);
	});

	it("has rows as the system's headers lay them out", () => {
		// A listener on 127.0.0.1:2024, pid 4711, as bytes.
		const row = "02000000" + "7f000001" + "07e80000" + "00000000" + "00000000";
		const bytes = Buffer.from(`01000000${row}67120000`, "hex");
		const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
		expect(portsIn(view, IPV4, new Set([4711]))).toEqual([2024]);
	});
});
