import { type Pointer, toArrayBuffer } from "bun:ffi";
import { describe, expect, it } from "bun:test";
import {
	parseProcesses,
	SystemProcesses,
} from "../../src/platform/system-processes.ts";
import { CStruct, type CType, type Field } from "../support/c-struct.ts";

const each = (type: CType, names: string): Field[] =>
	names.split(/\s+/).map((name): Field => [type, name]);

/** SYSTEM_PROCESS_INFORMATION of 64-bit Windows, field by field. */
const ENTRY = new CStruct([
	...each("u32", "NextEntryOffset NumberOfThreads"),
	["i64", "WorkingSetPrivateSize"],
	...each("u32", "HardFaultCount NumberOfThreadsHighWatermark"),
	...each("u64", "CycleTime CreateTime UserTime KernelTime"),
	...each("u16", "ImageName.Length ImageName.MaximumLength"),
	["u64", "ImageName.Buffer"],
	["i32", "BasePriority"],
	...each("u64", "UniqueProcessId InheritedFromUniqueProcessId"),
	...each("u32", "HandleCount SessionId"),
	...each("u64", "UniqueProcessKey PeakVirtualSize VirtualSize"),
	["u32", "PageFaultCount"],
	...each("u64", "PeakWorkingSetSize WorkingSetSize"),
	...each("u64", "QuotaPeakPagedPoolUsage QuotaPagedPoolUsage"),
	...each("u64", "QuotaPeakNonPagedPoolUsage QuotaNonPagedPoolUsage"),
	...each("u64", "PagefileUsage PeakPagefileUsage PrivatePageCount"),
	...each("i64", "ReadOperationCount WriteOperationCount"),
	...each("i64", "OtherOperationCount ReadTransferCount"),
	...each("i64", "WriteTransferCount OtherTransferCount"),
]);

const ADDRESS = 0x7ff0_0000_1000;
const CREATED = 134_398_776_203_520_224n;
const THREADS = 80;

/** A list as the system makes it: each entry, its threads, and its name. */
function listOf(names: readonly string[], address = ADDRESS): Uint8Array {
	let bytes = new Uint8Array();
	names.forEach((name, index) => {
		const text = Buffer.from(name, "utf16le");
		const before = ENTRY.size + THREADS;
		const size = Math.ceil((before + text.length) / 8) * 8;
		const entry = ENTRY.fill({
			NextEntryOffset: index === names.length - 1 ? 0 : size,
			NumberOfThreads: 3,
			CreateTime: CREATED,
			UserTime: 2_000_000,
			KernelTime: 300_000,
			"ImageName.Length": text.length,
			"ImageName.Buffer": address + bytes.length + before,
			UniqueProcessId: 4 * (index + 1),
			PeakWorkingSetSize: 2n ** 33n,
			WorkingSetSize: 2n ** 32n,
			ReadTransferCount: 11,
			WriteTransferCount: 12,
		});
		const room = new Uint8Array(size).fill(0xff);
		room.set(entry);
		room.set(text, before);
		bytes = new Uint8Array(Buffer.concat([bytes, room]));
	});
	return bytes;
}

describe("the system's list of processes", () => {
	it("is made of entries as long as Windows makes them", () => {
		expect(ENTRY.size).toBe(256);
	});

	it("tells what each one uses", () => {
		const found = parseProcesses(listOf(["a.exe", "Bä.exe"]), ADDRESS);
		const usage = {
			startTime: Number(CREATED),
			threads: 3,
			cpu: 2_300_000,
			workingSet: 2 ** 32,
			peakWorkingSet: 2 ** 33,
			read: 11,
			written: 12,
		};
		expect(found).toEqual([
			{ pid: 4, name: "a.exe", ...usage },
			{ pid: 8, name: "Bä.exe", ...usage },
		]);
	});

	it("may have a process without a name, and end where bytes are missing", () => {
		const bytes = listOf(["", "b.exe"]);
		expect(parseProcesses(bytes, ADDRESS)[0]?.name).toBe("");
		expect(parseProcesses(bytes.subarray(0, 400), ADDRESS)).toHaveLength(1);
		expect(parseProcesses(new Uint8Array(), ADDRESS)).toEqual([]);
	});

	it("is asked for again with more room until it fits", () => {
		const sizes: number[] = [];
		const processes = new SystemProcesses((buffer: Pointer, size: number) => {
			sizes.push(size);
			if (sizes.length < 3) return 0xc000_0004 | 0;
			new Uint8Array(toArrayBuffer(buffer, 0, size)).set(
				listOf(["a.exe"], buffer),
			);
			return 0;
		});
		expect(processes.list()).toMatchObject([{ pid: 4, name: "a.exe" }]);
		const [first = 0] = sizes;
		expect(sizes).toEqual([first, first * 2, first * 4]);
	});

	it("is empty where the system refuses", () => {
		expect(new SystemProcesses(() => 0xc000_0022 | 0).list()).toEqual([]);
	});
});
