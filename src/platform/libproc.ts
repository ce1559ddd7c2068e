/**
 * The C structures that macOS's libproc fills (bsd/sys/proc_info.h and
 * bsd/sys/resource.h of XNU), read from bytes. Both processors of Macs are
 * little-endian and lay them out alike.
 *
 * The kernel tells how many bytes it filled, so a structure that is shorter than
 * what is read here is taken for no answer at all.
 */

/** Flavors of proc_pidinfo(). */
export const PROC_PIDLISTFDS = 1;
export const PROC_PIDTASKINFO = 4;
export const PROC_PIDT_SHORTBSDINFO = 13;
/** Of proc_info_private.h, where only reserved fields have changed; the runtime relies on it, too. */
export const PROC_PIDUNIQIDENTIFIERINFO = 17;
/** Flavor of proc_pidfdinfo(). */
export const PROC_PIDFDSOCKETINFO = 3;
/** Flavor of proc_pid_rusage(). */
export const RUSAGE_INFO_V4 = 4;

/** Bytes of each structure. */
export const SIZES = {
	shortInfo: 64,
	identity: 56,
	taskInfo: 96,
	resourceUsage: 296,
	descriptor: 8,
	socketInfo: 792,
} as const;

/**
 * | struct                 | field                                | offset | type |
 * | ---------------------- | ------------------------------------ | ------ | ---- |
 * | proc_bsdshortinfo      | pbsi_pid                             | 0      | u32  |
 * |                        | pbsi_ppid                            | 4      | u32  |
 * |                        | pbsi_pgid                            | 8      | u32  |
 * |                        | pbsi_status                          | 12     | u32  |
 * | proc_uniqidentifierinfo| p_uuid[16]                           | 0      | u8   |
 * |                        | p_uniqueid                           | 16     | u64  |
 * |                        | p_puniqueid                          | 24     | u64  |
 * | proc_taskinfo          | pti_virtual_size                     | 0      | u64  |
 * |                        | pti_resident_size                    | 8      | u64  |
 * |                        | four counters of time                | 16     | u64  |
 * |                        | nine counters from pti_policy on     | 48     | i32  |
 * |                        | pti_threadnum                        | 84     | i32  |
 * | rusage_info_v4         | ri_uuid[16]                          | 0      | u8   |
 * |                        | ri_user_time                         | 16     | u64  |
 * |                        | ri_system_time                       | 24     | u64  |
 * |                        | ri_phys_footprint                    | 72     | u64  |
 * |                        | ri_child_user_time                   | 96     | u64  |
 * |                        | ri_child_system_time                 | 104    | u64  |
 * |                        | ri_diskio_bytesread                  | 144    | u64  |
 * |                        | ri_diskio_byteswritten               | 152    | u64  |
 * |                        | ri_lifetime_max_phys_footprint       | 240    | u64  |
 * | proc_fdinfo            | proc_fd                              | 0      | i32  |
 * |                        | proc_fdtype                          | 4      | u32  |
 * | socket_fdinfo          | pfi (proc_fileinfo, 24 bytes)        | 0      |      |
 * |                        | psi.soi_stat (vinfo_stat, 136 bytes) | 24     |      |
 * |                        | psi.soi_so, soi_pcb                  | 160    | u64  |
 * |                        | psi.soi_type, _protocol, _family     | 176    | i32  |
 * |                        | psi.soi_options … soi_error          | 188    | i16  |
 * |                        | psi.soi_oobmark                      | 204    | u32  |
 * |                        | psi.soi_rcv, soi_snd (24 bytes each) | 208    |      |
 * |                        | psi.soi_kind                         | 256    | i32  |
 * |                        | psi.soi_proto.pri_tcp                | 264    |      |
 * |                        | … .tcpsi_ini.insi_fport              | 264    | i32  |
 * |                        | … .tcpsi_ini.insi_lport              | 268    | i32  |
 * |                        | … .tcpsi_state                       | 344    | i32  |
 */
export const OFFSETS = {
	pbsi_pid: 0,
	pbsi_ppid: 4,
	pbsi_pgid: 8,
	pbsi_status: 12,
	p_uniqueid: 16,
	p_puniqueid: 24,
	pti_resident_size: 8,
	pti_threadnum: 84,
	ri_user_time: 16,
	ri_system_time: 24,
	ri_phys_footprint: 72,
	ri_child_user_time: 96,
	ri_child_system_time: 104,
	ri_diskio_bytesread: 144,
	ri_diskio_byteswritten: 152,
	ri_lifetime_max_phys_footprint: 240,
	proc_fd: 0,
	proc_fdtype: 4,
	soi_kind: 256,
	insi_lport: 268,
	tcpsi_state: 344,
} as const;

/** p_stat of a process that has ended and waits to be reaped (bsd/sys/proc.h). */
const SZOMB = 5;
const PROX_FDTYPE_SOCKET = 2;
const SOCKINFO_TCP = 2;
const TSI_S_LISTEN = 1;

/** What struct proc_bsdshortinfo tells, which the kernel gives of every user's processes. */
export interface ShortInfo {
	readonly pid: number;
	readonly parent: number;
	readonly group: number;
	/** Waits to be reaped. */
	readonly hasEnded: boolean;
}

/** Reads a struct proc_bsdshortinfo. */
export function parseShortInfo(bytes: Uint8Array): ShortInfo | undefined {
	const view = viewOf(bytes, SIZES.shortInfo);
	return (
		view && {
			pid: u32(view, OFFSETS.pbsi_pid),
			parent: u32(view, OFFSETS.pbsi_ppid),
			group: u32(view, OFFSETS.pbsi_pgid),
			hasEnded: u32(view, OFFSETS.pbsi_status) === SZOMB,
		}
	);
}

/**
 * Numbers that the kernel counts up from boot on, one for each process: unlike a
 * pid none comes twice, a later process has a higher one, and exec keeps it.
 */
export interface Lineage {
	readonly serial: number;
	/** Serial of the process that started it, which adoption by launchd does not change. */
	readonly starter: number;
}

/** Reads a struct proc_uniqidentifierinfo. */
export function parseLineage(bytes: Uint8Array): Lineage | undefined {
	const view = viewOf(bytes, SIZES.identity);
	return (
		view && {
			serial: u64(view, OFFSETS.p_uniqueid),
			starter: u64(view, OFFSETS.p_puniqueid),
		}
	);
}

/** What struct proc_taskinfo tells; sizes in bytes. */
export interface TaskInfo {
	readonly residentBytes: number;
	readonly threads: number;
}

/** Reads a struct proc_taskinfo. */
export function parseTaskInfo(bytes: Uint8Array): TaskInfo | undefined {
	const view = viewOf(bytes, SIZES.taskInfo);
	return (
		view && {
			residentBytes: u64(view, OFFSETS.pti_resident_size),
			threads: u32(view, OFFSETS.pti_threadnum),
		}
	);
}

/** What struct rusage_info_v4 tells; times in units of the Mach clock, sizes in bytes. */
export interface ResourceUsage {
	/** User and system, its own. */
	readonly ownTime: number;
	/** Of the children that it waited for, and of theirs. */
	readonly childTime: number;
	/** What Activity Monitor shows as memory. */
	readonly footprintBytes: number;
	/** The most that this was. */
	readonly peakFootprintBytes: number;
	readonly diskReadBytes: number;
	readonly diskWrittenBytes: number;
}

/** Reads a struct rusage_info_v4. */
export function parseResourceUsage(
	bytes: Uint8Array,
): ResourceUsage | undefined {
	const view = viewOf(bytes, SIZES.resourceUsage);
	return (
		view && {
			ownTime:
				u64(view, OFFSETS.ri_user_time) + u64(view, OFFSETS.ri_system_time),
			childTime:
				u64(view, OFFSETS.ri_child_user_time) +
				u64(view, OFFSETS.ri_child_system_time),
			footprintBytes: u64(view, OFFSETS.ri_phys_footprint),
			peakFootprintBytes: u64(view, OFFSETS.ri_lifetime_max_phys_footprint),
			diskReadBytes: u64(view, OFFSETS.ri_diskio_bytesread),
			diskWrittenBytes: u64(view, OFFSETS.ri_diskio_byteswritten),
		}
	);
}

/** The pids that proc_listallpids() wrote; the kernel's own, 0, is none. */
export function parsePids(bytes: Uint8Array): number[] {
	const view = viewOf(bytes, 0);
	const pids: number[] = [];
	for (let at = 0; view && at + 4 <= bytes.length; at += 4) {
		const pid = view.getInt32(at, true);
		if (pid > 0) pids.push(pid);
	}
	return pids;
}

/** The descriptors that are sockets, in an array of struct proc_fdinfo. */
export function parseSockets(bytes: Uint8Array): number[] {
	const view = viewOf(bytes, 0);
	const sockets: number[] = [];
	const { descriptor } = SIZES;
	for (let at = 0; view && at + descriptor <= bytes.length; at += descriptor) {
		if (u32(view, at + OFFSETS.proc_fdtype) === PROX_FDTYPE_SOCKET)
			sockets.push(view.getInt32(at + OFFSETS.proc_fd, true));
	}
	return sockets;
}

/** The port of a struct socket_fdinfo that is a listening TCP socket. */
export function parseListeningPort(bytes: Uint8Array): number | undefined {
	const view = viewOf(bytes, SIZES.socketInfo);
	if (!view || u32(view, OFFSETS.soi_kind) !== SOCKINFO_TCP) return undefined;
	if (u32(view, OFFSETS.tcpsi_state) !== TSI_S_LISTEN) return undefined;
	// An int that holds a port in network byte order in its lower half.
	return view.getUint16(OFFSETS.insi_lport, false);
}

function viewOf(bytes: Uint8Array, size: number): DataView | undefined {
	return bytes.length < size
		? undefined
		: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function u32(view: DataView, offset: number): number {
	return view.getUint32(offset, true);
}

function u64(view: DataView, offset: number): number {
	return (
		view.getUint32(offset + 4, true) * 2 ** 32 + view.getUint32(offset, true)
	);
}
