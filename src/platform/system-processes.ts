import { type Pointer, ptr } from "bun:ffi";
import type { Ntdll } from "./kernel32.ts";

const SYSTEM_PROCESS_INFORMATION = 5;
/** Bytes of an entry without its threads, of 64-bit Windows. */
const ENTRY_SIZE = 256;
const STATUS_INFO_LENGTH_MISMATCH = 0xc000_0004;
/** Bytes for a list that is asked for anew when they are too few. */
const FIRST_LIST = 262_144;

/** A process and what it uses, as the system tells of all at once. */
export interface SystemProcess {
	readonly pid: number;
	/** When it was made, in units of 100 ns: with the pid it names one process for good. */
	readonly startTime: number;
	/** Its file's, without the folder. */
	readonly name: string;
	readonly threads: number;
	/** Units of 100 ns. */
	readonly cpu: number;
	/** Bytes in memory, and the most that were. */
	readonly workingSet: number;
	readonly peakWorkingSet: number;
	/** Bytes: of files, pipes and devices. */
	readonly read: number;
	readonly written: number;
}

/**
 * Asks for every process: one call tells what would take an opened handle and
 * four calls for each, of any user's (NtQuerySystemInformation, from which Task
 * Manager has its figures). Wine answers GetProcessTimes for any process with the
 * caller's own, but this with what each has used.
 */
export class SystemProcesses {
	#buffer = new Uint8Array(FIRST_LIST);

	constructor(
		private readonly query: (buffer: Pointer, size: number) => number,
	) {}

	static of(nt: () => Ntdll): SystemProcesses {
		const kind = SYSTEM_PROCESS_INFORMATION;
		return new SystemProcesses((buffer, size) =>
			nt().NtQuerySystemInformation(kind, buffer, size, null),
		);
	}

	/** None where the system can't be asked. */
	list(): SystemProcess[] {
		for (;;) {
			const buffer = this.#buffer;
			const at = ptr(buffer);
			const status = this.query(at, buffer.length);
			if (status === 0) return parseProcesses(buffer, at);
			if (status >>> 0 !== STATUS_INFO_LENGTH_MISMATCH) return [];
			this.#buffer = new Uint8Array(buffer.length * 2);
		}
	}
}

/**
 * Reads a list of SYSTEM_PROCESS_INFORMATION.
 *
 * | field              | offset | type |
 * | ------------------ | ------ | ---- |
 * | NextEntryOffset    | 0      | u32  |
 * | NumberOfThreads    | 4      | u32  |
 * | CreateTime         | 32     | i64  |
 * | UserTime           | 40     | i64  |
 * | KernelTime         | 48     | i64  |
 * | ImageName.Length   | 56     | u16  |
 * | ImageName.Buffer   | 64     | ptr  |
 * | UniqueProcessId    | 80     | u64  |
 * | PeakWorkingSetSize | 136    | u64  |
 * | WorkingSetSize     | 144    | u64  |
 * | ReadTransferCount  | 232    | i64  |
 * | WriteTransferCount | 240    | i64  |
 *
 * @param address where the bytes are in memory, as names are pointers to some of them
 */
export function parseProcesses(
	bytes: Uint8Array,
	address: number,
): SystemProcess[] {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	const found: SystemProcess[] = [];
	for (let at = 0; at + ENTRY_SIZE <= bytes.length; ) {
		const long = (offset: number) =>
			Number(view.getBigUint64(at + offset, true));
		const name = long(64) - address;
		const length = view.getUint16(at + 56, true);
		found.push({
			pid: long(80),
			startTime: long(32),
			name: Buffer.from(bytes.slice(name, name + length)).toString("utf16le"),
			threads: view.getUint32(at + 4, true),
			cpu: long(40) + long(48),
			workingSet: long(144),
			peakWorkingSet: long(136),
			read: long(232),
			written: long(240),
		});
		const next = view.getUint32(at, true);
		if (next === 0) break;
		at += next;
	}
	return found;
}
