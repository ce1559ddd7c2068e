import { dlopen, type Pointer, ptr, read } from "bun:ffi";
import { win32 } from "node:path";

/** A handle of this process's; 0n is none. */
export type Handle = bigint;

const KERNEL32 = {
	AssignProcessToJobObject: { args: ["u64", "u64"], returns: "i32" },
	AttachConsole: { args: ["u32"], returns: "i32" },
	CloseHandle: { args: ["u64"], returns: "i32" },
	CreateJobObjectW: { args: ["ptr", "ptr"], returns: "u64" },
	CreateToolhelp32Snapshot: { args: ["u32", "u32"], returns: "u64" },
	FreeConsole: { args: [], returns: "i32" },
	GenerateConsoleCtrlEvent: { args: ["u32", "u32"], returns: "i32" },
	GetActiveProcessorCount: { args: ["u16"], returns: "u32" },
	GetConsoleProcessList: { args: ["ptr", "u32"], returns: "u32" },
	GetCurrentProcess: { args: [], returns: "u64" },
	GetProcessTimes: {
		args: ["u64", "ptr", "ptr", "ptr", "ptr"],
		returns: "i32",
	},
	GetSystemDirectoryW: { args: ["ptr", "u32"], returns: "u32" },
	IsProcessInJob: { args: ["u64", "u64", "ptr"], returns: "i32" },
	OpenProcess: { args: ["u32", "i32", "u32"], returns: "u64" },
	Process32FirstW: { args: ["u64", "ptr"], returns: "i32" },
	Process32NextW: { args: ["u64", "ptr"], returns: "i32" },
	QueryInformationJobObject: {
		args: ["u64", "i32", "ptr", "u32", "ptr"],
		returns: "i32",
	},
	SetConsoleCtrlHandler: { args: ["ptr", "i32"], returns: "i32" },
	SetInformationJobObject: {
		args: ["u64", "i32", "ptr", "u32"],
		returns: "i32",
	},
	TerminateJobObject: { args: ["u64", "u32"], returns: "i32" },
	TerminateProcess: { args: ["u64", "u32"], returns: "i32" },
	WaitForSingleObject: { args: ["u64", "u32"], returns: "u32" },
} as const;

const IPHLPAPI = {
	GetExtendedTcpTable: {
		args: ["ptr", "ptr", "i32", "u32", "i32", "u32"],
		returns: "u32",
	},
} as const;

const NTDLL = {
	NtQuerySystemInformation: {
		args: ["i32", "ptr", "u32", "ptr"],
		returns: "i32",
	},
	NtResumeProcess: { args: ["u64"], returns: "i32" },
	NtSuspendProcess: { args: ["u64"], returns: "i32" },
	RtlGetCurrentPeb: { args: [], returns: "ptr" },
} as const;

const USER32 = {
	FindWindowExW: { args: ["u64", "u64", "ptr", "ptr"], returns: "u64" },
	GetWindowThreadProcessId: { args: ["u64", "ptr"], returns: "u32" },
	PostMessageW: { args: ["u64", "u32", "u64", "i64"], returns: "i32" },
} as const;

export type Kernel32 = ReturnType<typeof openKernel32>;
export type Iphlpapi = ReturnType<typeof openIphlpapi>;
export type Ntdll = ReturnType<typeof openNtdll>;
export type User32 = ReturnType<typeof openUser32>;

/**
 * The system's main library. It is in every process from its start, and a name
 * that is loaded already is not looked for anywhere else (Microsoft,
 * "Dynamic-link library search order").
 */
export function openKernel32() {
	return dlopen("kernel32.dll", KERNEL32).symbols;
}

export function openIphlpapi(kernel: Kernel32) {
	return dlopen(systemFile(kernel, "iphlpapi.dll"), IPHLPAPI).symbols;
}

export function openNtdll(kernel: Kernel32) {
	return dlopen(systemFile(kernel, "ntdll.dll"), NTDLL).symbols;
}

export function openUser32(kernel: Kernel32) {
	return dlopen(systemFile(kernel, "user32.dll"), USER32).symbols;
}

/** Places in PEB and RTL_USER_PROCESS_PARAMETERS of 64-bit Windows. */
const PROCESS_PARAMETERS = 0x20;
const CONSOLE_FLAGS = 0x18;
const IGNORES_CTRL_C = 1;

/**
 * Whether this process ignores Ctrl+C, as the leader of a new process group does
 * and whatever it starts (Microsoft, "SetConsoleCtrlHandler"). No function tells.
 */
export function ignoresCtrlC(kernel: Kernel32): boolean {
	const block = openNtdll(kernel).RtlGetCurrentPeb();
	if (block === null) return false;
	const parameters = read.ptr(block, PROCESS_PARAMETERS) as Pointer;
	return (read.u32(parameters, CONSOLE_FLAGS) & IGNORES_CTRL_C) !== 0;
}

const MAX_PATH = 260;

/**
 * A library's absolute path: by its bare name it could be found in the current
 * directory, which is the agent's (CWE-427).
 */
function systemFile(kernel: Kernel32, name: string): string {
	const buffer = new Uint16Array(MAX_PATH);
	const length = kernel.GetSystemDirectoryW(ptr(buffer), buffer.length);
	const text = Buffer.from(buffer.buffer, 0, length * 2).toString("utf16le");
	if (!win32.isAbsolute(text))
		throw new Error("the system's folder can't be found");
	return win32.join(text, name);
}

/** A process as a snapshot of the whole system shows it. */
export interface ProcessEntry {
	readonly pid: number;
	/** The process that started it, which may have ended, and its pid be another's. */
	readonly parent: number;
	readonly threads: number;
	/** Its file's, without the folder. */
	readonly name: string;
}

const TH32CS_SNAPPROCESS = 2;
const INVALID_HANDLE = 2n ** 64n - 1n;
/** sizeof(PROCESSENTRY32W) of 64-bit Windows; its fields' offsets below are Microsoft's. */
const ENTRY_SIZE = 568;
const NAME = 44;

/** Every process of the system, at one moment. */
export function allProcesses(kernel: Kernel32): ProcessEntry[] {
	const snapshot = kernel.CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
	if (snapshot === INVALID_HANDLE) return [];
	const entry = new DataView(new ArrayBuffer(ENTRY_SIZE));
	entry.setUint32(0, ENTRY_SIZE, true);
	const found: ProcessEntry[] = [];
	try {
		const at = ptr(entry);
		for (
			let more = kernel.Process32FirstW(snapshot, at);
			more !== 0;
			more = kernel.Process32NextW(snapshot, at)
		)
			found.push({
				pid: entry.getUint32(8, true),
				threads: entry.getUint32(28, true),
				parent: entry.getUint32(32, true),
				name: textAt(entry, NAME),
			});
		return found;
	} finally {
		kernel.CloseHandle(snapshot);
	}
}

/** A text of UTF-16 that ends with NUL. */
function textAt(view: DataView, start: number): string {
	let end = start;
	while (view.getUint16(end, true) !== 0) end += 2;
	return Buffer.from(view.buffer, start, end - start).toString("utf16le");
}

const PROCESS_TERMINATE = 0x0001;
const PROCESS_SET_QUOTA = 0x0100;
const PROCESS_SUSPEND_RESUME = 0x0800;
/** Wine asks for it where Windows would take PROCESS_QUERY_LIMITED_INFORMATION. */
const PROCESS_QUERY_INFORMATION = 0x0400;
const SYNCHRONIZE = 0x0010_0000;
const WAIT_TIMEOUT = 0x102;

/** What a process is opened for: to put it into a job and to end it, or to hold it up. */
const LOOK = PROCESS_QUERY_INFORMATION | SYNCHRONIZE;
export const RIGHTS = {
	rule: LOOK | PROCESS_TERMINATE | PROCESS_SET_QUOTA,
	pause: LOOK | PROCESS_SUSPEND_RESUME,
} as const;

/**
 * Opens a process; 0n where there is none or it is not ours to open. As long as
 * the handle is open its pid is not used again.
 */
export function openProcess(
	kernel: Kernel32,
	pid: number,
	rights: keyof typeof RIGHTS,
): Handle {
	return kernel.OpenProcess(RIGHTS[rights], 0, pid);
}

export function isRunning(kernel: Kernel32, process: Handle): boolean {
	return kernel.WaitForSingleObject(process, 0) === WAIT_TIMEOUT;
}

/** When a process was made, in units of 100 ns (FILETIME); undefined where it can't be asked. */
export function creationTime(
	kernel: Kernel32,
	process: Handle,
): bigint | undefined {
	const times = new BigUint64Array(4);
	const at = (index: number) => ptr(times, index * 8);
	const worked = kernel.GetProcessTimes(process, at(0), at(1), at(2), at(3));
	return worked === 0 ? undefined : times[0];
}

const ALL_PROCESSOR_GROUPS = 0xffff;

/** Logical processors of the whole machine, of which shares of all are reckoned. */
export function processorCount(kernel: Kernel32): number {
	return kernel.GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
}
