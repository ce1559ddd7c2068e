import { ptr } from "bun:ffi";
import type { Iphlpapi } from "./kernel32.ts";

const TCP_TABLE_OWNER_PID_LISTENER = 3;
const ERROR_INSUFFICIENT_BUFFER = 122;

/** Where a row of each family's table has its fields (MIB_TCPROW_OWNER_PID, MIB_TCP6ROW_OWNER_PID). */
const FAMILIES = [
	{ family: 2, size: 24, port: 8, pid: 20 },
	{ family: 23, size: 56, port: 20, pid: 52 },
] as const;

/** Ports on which processes listen, ascending; undefined where the system doesn't tell. */
export function listeningPorts(
	library: Iphlpapi,
	pids: ReadonlySet<number>,
): number[] | undefined {
	const ports = new Set<number>();
	for (const { family, size, port, pid } of FAMILIES) {
		const table = readTable(library, family);
		if (!table) return undefined;
		const rows = table.getUint32(0, true);
		for (let row = 0; row < rows; row++) {
			const at = 4 + row * size;
			// The port is in network byte order.
			if (pids.has(table.getUint32(at + pid, true)))
				ports.add(table.getUint16(at + port));
		}
	}
	return [...ports].sort((a, b) => a - b);
}

function readTable(library: Iphlpapi, family: number): DataView | undefined {
	// It may grow between the question for its size and the one for its rows.
	for (let length = 4096; length < 2 ** 24; length *= 2) {
		const table = new DataView(new ArrayBuffer(length));
		const size = new Uint32Array([length]);
		const result = library.GetExtendedTcpTable(
			ptr(table),
			ptr(size),
			0,
			family,
			TCP_TABLE_OWNER_PID_LISTENER,
			0,
		);
		if (result === 0) return table;
		if (result !== ERROR_INSUFFICIENT_BUFFER) return undefined;
	}
	return undefined;
}
