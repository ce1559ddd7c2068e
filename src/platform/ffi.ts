import { dlopen, ptr } from "bun:ffi";
import { readFileSync } from "node:fs";

const LIBC = {
	pipe2: { args: ["ptr", "i32"], returns: "i32" },
	fcntl: { args: ["i32", "i32", "i32"], returns: "i32" },
	prctl: { args: ["i32", "u64", "u64", "u64", "u64"], returns: "i32" },
	getxattr: { args: ["ptr", "ptr", "ptr", "u64"], returns: "i64" },
	prlimit: { args: ["i32", "i32", "ptr", "ptr"], returns: "i32" },
	waitpid: { args: ["i32", "ptr", "i32"], returns: "i32" },
	__errno_location: { args: [], returns: "ptr" },
	_exit: { args: ["i32"], returns: "void" },
	alarm: { args: ["u32"], returns: "u32" },
	poll: { args: ["ptr", "u64", "i32"], returns: "i32" },
	madvise: { args: ["u64", "u64", "i32"], returns: "i32" },
	sysconf: { args: ["i32"], returns: "i64" },
	// Of kcmp(2), for which the C library has no function.
	syscall: { args: ["i64", "i64", "i64", "i64", "i64", "i64"], returns: "i64" },
} as const;

/**
 * The C library of Linux, glibc or musl.
 *
 * It is opened by the path from which it is already loaded: a bare name that the
 * loader does not know would be looked for in the current directory, which is
 * the agent's (CWE-427).
 */
export function openLinuxLibc() {
	const path = loadedLibc(readFileSync("/proc/self/maps", "utf8"));
	if (path === undefined)
		throw new Error("the C library is not in /proc/self/maps");
	return dlopen(path, LIBC).symbols;
}

/** The C library's path in the text of /proc/self/maps (proc_pid_maps(5)). */
export function loadedLibc(maps: string): string | undefined {
	return maps.match(
		/\s(\/\S*\/(?:libc\.so\.6|libc-[\d.]+\.so|libc\.so|ld-musl-[^/\s]+\.so\.1|libc\.musl-[^/\s]+\.so\.1))$/m,
	)?.[1];
}

/** A NUL-terminated string for a C function; keep it referenced during the call. */
export function cString(text: string): Uint8Array {
	return Buffer.from(`${text}\0`);
}

export { ptr };
