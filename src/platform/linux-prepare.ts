import { type Pointer, read } from "bun:ffi";
import { ptr } from "./ffi.ts";

const PR_SET_PDEATHSIG = 1;
const PR_SET_DUMPABLE = 4;
const PR_SET_CHILD_SUBREAPER = 36;
const PR_GET_CHILD_SUBREAPER = 37;
const PR_SET_NO_NEW_PRIVS = 38;
const EINVAL = 22;

/** Of the C library, what a process changes about itself with. */
export interface Libc {
	prctl(
		option: number,
		...values: readonly [bigint, bigint, bigint, bigint]
	): number;
	/** Where this thread's errno is; glibc and musl call it so. */
	__errno_location(): Pointer | bigint | null;
}

/**
 * What this process changes about itself before it starts any other (prctl(2)).
 *
 * @returns whether it adopts what its children leave behind, which not every
 * emulator of Linux knows of
 * @throws Error where anything else is refused
 */
export function prepare(libc: Libc): boolean {
	// Asked for before the calls, as it stays the same and asking might change it.
	const errno = libc.__errno_location();
	const set = (option: number, value: bigint) =>
		libc.prctl(option, value, 0n, 0n, 0n) === 0;
	const insist = (option: number, value: bigint, name: string) => {
		if (!set(option, value)) throw new Error(`prctl(${name}) failed`);
	};
	// Children can't gain privileges by what they start: a setuid program that an
	// allowed one runs stays without its rights.
	insist(PR_SET_NO_NEW_PRIVS, 1n, "PR_SET_NO_NEW_PRIVS");
	// --no-orphans also ties this process to the thread that started it, so a
	// client that starts servers from a worker thread would lose them.
	insist(PR_SET_PDEATHSIG, 0n, "PR_SET_PDEATHSIG");
	// Whatever a child leaves behind becomes a child of this process, where it
	// can be found, ended and reaped.
	const adopts = set(PR_SET_CHILD_SUBREAPER, 1n);
	if (!adopts && (typeof errno !== "number" || read.i32(errno, 0) !== EINVAL))
		throw new Error("prctl(PR_SET_CHILD_SUBREAPER) failed");
	// Children of the same user may not reach this process's descriptors,
	// memory or environment through /proc: with them they could write to the
	// client in its name. What they exec is dumpable again.
	insist(PR_SET_DUMPABLE, 0n, "PR_SET_DUMPABLE");
	return adopts;
}

/** Whether a process can adopt here; looked at without changing this one. */
export function canAdopt(libc: Pick<Libc, "prctl">): boolean {
	const answer = new Int32Array(1);
	const address = BigInt(ptr(answer));
	return libc.prctl(PR_GET_CHILD_SUBREAPER, address, 0n, 0n, 0n) === 0;
}
