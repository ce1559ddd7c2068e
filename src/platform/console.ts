import { ptr } from "bun:ffi";
import {
	allProcesses,
	type Kernel32,
	openKernel32,
	openUser32,
} from "./kernel32.ts";

const CTRL_C_EVENT = 0;
const WM_CLOSE = 0x0010;

/**
 * Asks processes to end, as SIGTERM does elsewhere: a Ctrl+C on each of their
 * consoles, and the closing of each of their windows.
 *
 * A process sends such an event only to those on its own console, and gets it
 * too, so this leaves the console that it has: it is for a process of its own,
 * which ends after it, not for the server. Ctrl+C is what programs for Windows
 * clean up on. Ctrl+Break, which none can ignore, makes many of them stop at
 * once, or show their threads (Java); and wine knows Ctrl+C alone.
 *
 * @param pids every member of the trees, for an event goes to all on a console
 * @returns the pids of those that could be asked
 */
export function sendInterrupt(pids: readonly number[]): readonly number[] {
	const kernel = openKernel32();
	// Without a handler: the event that this process sends is not for itself.
	kernel.SetConsoleCtrlHandler(null, 1);
	const asked = new Set<number>();
	kernel.FreeConsole();
	for (const pid of pids) {
		if (asked.has(pid) || kernel.AttachConsole(pid) === 0) continue;
		const others = onThisConsole(kernel).filter((each) => each !== process.pid);
		// Never on the console of somebody else, to which a member may have gone.
		if (others.length > 0 && areAllOf(kernel, pids, others)) {
			if (kernel.GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0) !== 0)
				for (const other of others) asked.add(other);
		}
		kernel.FreeConsole();
	}
	for (const pid of closeWindows(kernel, pids)) asked.add(pid);
	return [...asked];
}

function onThisConsole(kernel: Kernel32): number[] {
	let list = new Uint32Array(64);
	let count = kernel.GetConsoleProcessList(ptr(list), list.length);
	if (count > list.length) {
		list = new Uint32Array(count + 64);
		count = kernel.GetConsoleProcessList(ptr(list), list.length);
	}
	// 0 is a failure; more than fit, that there is no saying who is there.
	return count > list.length ? [] : [...list.slice(0, count)];
}

/** Whether each of the processes is one of `pids`, or was started by one meanwhile. */
function areAllOf(
	kernel: Kernel32,
	pids: readonly number[],
	processes: readonly number[],
): boolean {
	const known = new Set(pids);
	if (processes.every((pid) => known.has(pid))) return true;
	const entries = allProcesses(kernel);
	for (let before = -1; known.size !== before; ) {
		before = known.size;
		for (const { pid, parent } of entries)
			if (known.has(parent)) known.add(pid);
	}
	return processes.every((pid) => known.has(pid));
}

/** Windows that are looked through: a list that changes meanwhile could go on for ever. */
const MOST_WINDOWS = 10_000;

/** Asks every top-level window of the processes to close; returns whose there were. */
function closeWindows(kernel: Kernel32, pids: readonly number[]): Set<number> {
	const user = openUser32(kernel);
	const owners = new Set<number>();
	const owner = new Uint32Array(1);
	let window = 0n;
	for (let count = 0; count < MOST_WINDOWS; count++) {
		window = user.FindWindowExW(0n, window, null, null);
		if (window === 0n) break;
		user.GetWindowThreadProcessId(window, ptr(owner));
		const [pid = 0] = owner;
		if (!pids.includes(pid)) continue;
		if (user.PostMessageW(window, WM_CLOSE, 0n, 0n) !== 0) owners.add(pid);
	}
	return owners;
}
