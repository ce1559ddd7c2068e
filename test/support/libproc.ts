import { CStruct, type CType, type Field } from "./c-struct.ts";

const each = (type: CType, names: string): Field[] =>
	names.split(/\s+/).map((name): Field => [type, name]);

/** bsd/sys/proc_info.h of XNU, field by field. */
export const proc_bsdshortinfo = new CStruct([
	...each("u32", "pbsi_pid pbsi_ppid pbsi_pgid pbsi_status"),
	["u8", "pbsi_comm", 16],
	...each("u32", "pbsi_flags pbsi_uid pbsi_gid pbsi_ruid pbsi_rgid"),
	...each("u32", "pbsi_svuid pbsi_svgid pbsi_rfu"),
]);

/** bsd/sys/proc_info_private.h. */
export const proc_uniqidentifierinfo = new CStruct([
	["u8", "p_uuid", 16],
	...each("u64", "p_uniqueid p_puniqueid"),
	...each("i32", "p_idversion p_orig_ppidversion"),
	...each("u64", "p_reserve2 p_reserve3"),
]);

export const proc_taskinfo = new CStruct([
	...each("u64", "pti_virtual_size pti_resident_size pti_total_user"),
	...each("u64", "pti_total_system pti_threads_user pti_threads_system"),
	...each("i32", "pti_policy pti_faults pti_pageins pti_cow_faults"),
	...each("i32", "pti_messages_sent pti_messages_received"),
	...each("i32", "pti_syscalls_mach pti_syscalls_unix pti_csw"),
	...each("i32", "pti_threadnum pti_numrunning pti_priority"),
]);

/** bsd/sys/resource.h. */
export const rusage_info_v4 = new CStruct([
	["u8", "ri_uuid", 16],
	...each("u64", "ri_user_time ri_system_time ri_pkg_idle_wkups"),
	...each("u64", "ri_interrupt_wkups ri_pageins ri_wired_size"),
	...each("u64", "ri_resident_size ri_phys_footprint ri_proc_start_abstime"),
	...each("u64", "ri_proc_exit_abstime ri_child_user_time"),
	...each("u64", "ri_child_system_time ri_child_pkg_idle_wkups"),
	...each("u64", "ri_child_interrupt_wkups ri_child_pageins"),
	...each("u64", "ri_child_elapsed_abstime ri_diskio_bytesread"),
	...each("u64", "ri_diskio_byteswritten ri_cpu_time_qos_default"),
	...each("u64", "ri_cpu_time_qos_maintenance ri_cpu_time_qos_background"),
	...each("u64", "ri_cpu_time_qos_utility ri_cpu_time_qos_legacy"),
	...each("u64", "ri_cpu_time_qos_user_initiated"),
	...each("u64", "ri_cpu_time_qos_user_interactive ri_billed_system_time"),
	...each("u64", "ri_serviced_system_time ri_logical_writes"),
	...each("u64", "ri_lifetime_max_phys_footprint ri_instructions ri_cycles"),
	...each("u64", "ri_billed_energy ri_serviced_energy"),
	...each("u64", "ri_interval_max_phys_footprint ri_runnable_time"),
]);

export const proc_fdinfo = new CStruct([
	["i32", "proc_fd"],
	["u32", "proc_fdtype"],
]);

/** With the union soi_proto as its pri_tcp, and filled up to its longest part. */
export const socket_fdinfo = new CStruct([
	// struct proc_fileinfo pfi
	...each("u32", "fi_openflags fi_status"),
	["i64", "fi_offset"],
	["i32", "fi_type"],
	["u32", "fi_guardflags"],
	// struct socket_info psi: struct vinfo_stat soi_stat
	["u32", "vst_dev"],
	...each("u16", "vst_mode vst_nlink"),
	["u64", "vst_ino"],
	...each("u32", "vst_uid vst_gid"),
	...each("i64", "vst_atime vst_atimensec vst_mtime vst_mtimensec"),
	...each("i64", "vst_ctime vst_ctimensec vst_birthtime vst_birthtimensec"),
	...each("i64", "vst_size vst_blocks"),
	["i32", "vst_blksize"],
	...each("u32", "vst_flags vst_gen vst_rdev"),
	["i64", "vst_qspare", 2],
	// … the rest of struct socket_info
	...each("u64", "soi_so soi_pcb"),
	...each("i32", "soi_type soi_protocol soi_family"),
	...each("i16", "soi_options soi_linger soi_state soi_qlen soi_incqlen"),
	...each("i16", "soi_qlimit soi_timeo soi_error"),
	["u32", "soi_oobmark"],
	...["soi_rcv", "soi_snd"].flatMap((name) => [
		...each("u32", `${name}.cc ${name}.hiwat ${name}.mbcnt ${name}.mbmax`),
		...each("u32", `${name}.lowat`),
		...each("i16", `${name}.flags ${name}.timeo`),
	]),
	["i32", "soi_kind"],
	["u32", "soi_rfu_1"],
	// struct tcp_sockinfo pri_tcp: struct in_sockinfo tcpsi_ini
	...each("i32", "insi_fport insi_lport"),
	["u64", "insi_gencnt"],
	...each("u32", "insi_flags insi_flow"),
	...each("u8", "insi_vflag insi_ip_ttl"),
	["u32", "insi_rfu_1"],
	["u32", "insi_faddr", 4],
	["u32", "insi_laddr", 4],
	["u8", "insi_v4.in4_tos"],
	// struct insi_v6 is aligned to its int.
	["i32", "insi_v6.in6_hlim"],
	["i32", "insi_v6.in6_cksum"],
	["u16", "insi_v6.in6_ifindex"],
	["i16", "insi_v6.in6_hops"],
	// struct in_sockinfo is aligned to its u64, so that nothing follows at 76.
	["u64", "tcpsi_ini.end", 0],
	["i32", "tcpsi_state"],
	["i32", "tcpsi_timer", 4],
	["i32", "tcpsi_mss"],
	...each("u32", "tcpsi_flags tcpsi_rfu_1"),
	["u64", "tcpsi_tp"],
	// The union's longest part is struct un_sockinfo: 2 u64 and 2 × 255 bytes.
	["u8", "soi_proto.rest", 528 - 120],
]);

/** A port as the kernel stores it: network byte order in the lower half of an int. */
export function networkPort(port: number): number {
	return ((port & 0xff) << 8) | (port >> 8);
}

/** Bytes of several structures in a row. */
export function arrayOf(...structs: readonly Uint8Array[]): Uint8Array {
	return new Uint8Array(Buffer.concat(structs));
}
