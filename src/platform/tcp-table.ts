import { ptr } from "bun:ffi";
import type { Iphlpapi } from "./kernel32.ts";

const TCP_TABLE_OWNER_PID_LISTENER = 3;
const ERROR_INSUFFICIENT_BUFFER = 122;

/** A table's address family, and the places in its rows. */
interface Layout {
	readonly family: number;
	readonly size: number;
	readonly port: number;
	readonly pid: number;
}

/** MIB_TCPROW_OWNER_PID */
export const IPV4: Layout = { family: 2, size: 24, port: 8, pid: 20 };
/** MIB_TCP6ROW_OWNER_PID */
export const IPV6: Layout = { family: 23, size: 56, port: 20, pid: 52 };

/** Ports on which processes listen, ascending; undefined where the system doesn't tell. */
export function listeningPorts(
	library: Iphlpapi,
	pids: ReadonlySet<number>,
): number[] | undefined {
	const ports = new Set<number>();
	for (const layout of [IPV4, IPV6]) {
		const table = readTable(library, layout.family);
		if (!table) return undefined;
		for (const port of portsIn(table, layout, pids)) ports.add(port);
	}
	return [...ports].sort((a, b) => a - b);
}

/** The ports that a table of listeners has for some processes. */
export function portsIn(
	table: DataView,
	{ size, port, pid }: Layout,
	pids: ReadonlySet<number>,
): number[] {
	const found: number[] = [];
	const rows = table.getUint32(0, true);
	for (let row = 0; row < rows; row++) {
		const at = 4 + row * size;
		// The port is in network byte order.
		if (pids.has(table.getUint32(at + pid, true)))
			found.push(table.getUint16(at + port));
	}
	return found;
}

function readTable(library: Iphlpapi, family: number): DataView | undefined {
	// It may grow between the question for its size and the one for its rows.
	for (let length = 4096; length < 2 ** 24; length *= 2) {
		const table = new DataView(new ArrayBuffer(length));
		const result = library.GetExtendedTcpTable(
			ptr(table),
			ptr(new Uint32Array([length])),
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
