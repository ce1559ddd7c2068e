import { describe, expect, it } from "bun:test";
import {
	OFFSETS,
	parseLineage,
	parseListeningPort,
	parsePids,
	parseResourceUsage,
	parseShortInfo,
	parseSockets,
	parseTaskInfo,
	SIZES,
} from "../../src/platform/libproc.ts";
import {
	arrayOf,
	networkPort,
	proc_bsdshortinfo,
	proc_fdinfo,
	proc_taskinfo,
	proc_uniqidentifierinfo,
	rusage_info_v4,
	socket_fdinfo,
} from "../support/libproc.ts";

const STRUCTS = [
	proc_bsdshortinfo,
	proc_uniqidentifierinfo,
	proc_taskinfo,
	rusage_info_v4,
	proc_fdinfo,
	socket_fdinfo,
];

/** Where a structure declares a field. */
function declared(name: string): number | undefined {
	for (const struct of STRUCTS) {
		try {
			return struct.offset(name);
		} catch {
			// It is another structure's.
		}
	}
	return undefined;
}

describe("the layout of libproc's structures", () => {
	it("is as long as the headers' fields take", () => {
		const sizes: Readonly<Record<string, number>> = SIZES;
		expect(sizes).toEqual({
			shortInfo: proc_bsdshortinfo.size,
			identity: proc_uniqidentifierinfo.size,
			taskInfo: proc_taskinfo.size,
			resourceUsage: rusage_info_v4.size,
			descriptor: proc_fdinfo.size,
			socketInfo: socket_fdinfo.size,
		});
	});

	it.each(Object.entries(OFFSETS))("has %s at %d", (name, offset) => {
		expect(declared(name)).toBe(offset);
	});
});

describe("parseShortInfo", () => {
	const values = {
		pbsi_pid: 4711,
		pbsi_ppid: 4242,
		pbsi_pgid: 4700,
		pbsi_status: 2,
	};

	it("reads who a process is", () => {
		expect(parseShortInfo(proc_bsdshortinfo.fill(values))).toEqual({
			pid: 4711,
			parent: 4242,
			group: 4700,
			hasEnded: false,
		});
	});

	// SIDL, SRUN, SSLEEP, SSTOP, SZOMB (bsd/sys/proc.h)
	it.each([
		[1, false],
		[2, false],
		[3, false],
		[4, false],
		[5, true],
	])("of status %d tells whether it has ended", (pbsi_status, hasEnded) => {
		const bytes = proc_bsdshortinfo.fill({ ...values, pbsi_status });
		expect(parseShortInfo(bytes)?.hasEnded).toBe(hasEnded);
	});
});

describe("parseLineage", () => {
	it("reads numbers beyond 32 bits", () => {
		const bytes = proc_uniqidentifierinfo.fill({
			p_uniqueid: 2n ** 32n + 7n,
			p_puniqueid: 123_456,
		});
		expect(parseLineage(bytes)).toEqual({
			serial: 2 ** 32 + 7,
			starter: 123_456,
		});
	});
});

describe("parseTaskInfo", () => {
	it("reads resident memory and threads", () => {
		const bytes = proc_taskinfo.fill({
			pti_resident_size: 5n * 2n ** 30n,
			pti_threadnum: 12,
		});
		expect(parseTaskInfo(bytes)).toEqual({
			residentBytes: 5 * 2 ** 30,
			threads: 12,
		});
	});
});

describe("parseResourceUsage", () => {
	it("reads CPU apart from that of children, footprints and disk I/O", () => {
		const bytes = rusage_info_v4.fill({
			ri_user_time: 1_000_000_000_000,
			ri_system_time: 20_000,
			ri_child_user_time: 300,
			ri_child_system_time: 4,
			ri_phys_footprint: 2n ** 33n,
			ri_lifetime_max_phys_footprint: 2n ** 34n,
			ri_diskio_bytesread: 4096,
			ri_diskio_byteswritten: 8192,
		});
		expect(parseResourceUsage(bytes)).toEqual({
			ownTime: 1_000_000_020_000,
			childTime: 304,
			footprintBytes: 2 ** 33,
			peakFootprintBytes: 2 ** 34,
			diskReadBytes: 4096,
			diskWrittenBytes: 8192,
		});
	});
});

describe("parsePids", () => {
	it("reads pids, but not the kernel's own", () => {
		const bytes = new Uint8Array(Int32Array.of(812, 99_998, 1, 0).buffer);
		expect(parsePids(bytes)).toEqual([812, 99_998, 1]);
		expect(parsePids(new Uint8Array())).toEqual([]);
	});

	it("reads no half of one", () => {
		const bytes = new Uint8Array(Int32Array.of(812, 813).buffer);
		expect(parsePids(bytes.subarray(0, 7))).toEqual([812]);
	});

	it("reads the part of a buffer that it is given", () => {
		const bytes = new Uint8Array(Int32Array.of(1, 2, 3).buffer);
		expect(parsePids(bytes.subarray(4))).toEqual([2, 3]);
	});
});

describe("parseSockets", () => {
	it("finds the sockets among descriptors", () => {
		const types = { vnode: 1, socket: 2, kqueue: 5, pipe: 6 };
		const list = Object.values(types).map((proc_fdtype, proc_fd) =>
			proc_fdinfo.fill({ proc_fd, proc_fdtype }),
		);
		const far = proc_fdinfo.fill({ proc_fd: 70_000, proc_fdtype: 2 });
		expect(parseSockets(arrayOf(...list, far))).toEqual([1, 70_000]);
		expect(parseSockets(new Uint8Array())).toEqual([]);
	});
});

describe("parseListeningPort", () => {
	const listening = {
		soi_kind: 2,
		tcpsi_state: 1,
		insi_lport: networkPort(8080),
		insi_fport: 0,
	};
	const port = (changes: Partial<typeof listening>) =>
		parseListeningPort(socket_fdinfo.fill({ ...listening, ...changes }));

	it.each([1, 80, 255, 256, 3000, 8080, 65_535])("reads %d", (number) => {
		expect(port({ insi_lport: networkPort(number) })).toBe(number);
	});

	// SOCKINFO_GENERIC, _IN, _UN, _NDRV, _KERN_EVENT, _KERN_CTL, _VSOCK
	it.each([0, 1, 3, 4, 5, 6, 7])("takes no socket of kind %d", (soi_kind) => {
		expect(port({ soi_kind })).toBeUndefined();
	});

	// TSI_S_CLOSED, and from TSI_S_SYN_SENT on to TSI_S_TIME_WAIT
	it.each([0, 2, 3, 4, 5, 6, 7, 8, 9, 10])(
		"takes no connection in state %d",
		(tcpsi_state) => {
			expect(port({ tcpsi_state })).toBeUndefined();
		},
	);
});

describe("an answer that is too short", () => {
	it("is none", () => {
		expect(parseShortInfo(new Uint8Array(63))).toBeUndefined();
		expect(parseLineage(new Uint8Array(55))).toBeUndefined();
		expect(parseTaskInfo(new Uint8Array(95))).toBeUndefined();
		expect(parseResourceUsage(new Uint8Array(295))).toBeUndefined();
		expect(parseListeningPort(new Uint8Array(791))).toBeUndefined();
	});
});
