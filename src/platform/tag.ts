import { ptr } from "bun:ffi";
import type { openLinuxLibc } from "./ffi.ts";

type Libc = ReturnType<typeof openLinuxLibc>;

/**
 * The limit of file locks, which no kernel since 2.4.25 looks at (getrlimit(2)),
 * but which every process inherits from its parent through fork(2) and execve(2).
 */
const RLIMIT_LOCKS = 10;

/** How many numbers begin with one prefix: as many as seven digits have. */
const COUNTS = 10 ** 7;

/**
 * Marks processes with a number that all of their descendants inherit, whatever
 * sessions they make, descriptors they close or environments they clear: by it an
 * orphan is known that nothing else tells whose it is.
 *
 * The number is the soft limit of RLIMIT_LOCKS, far above what a process locks.
 * This process takes it on for the moment of a start, so that not even a
 * descendant of the first microsecond is without it.
 */
export class Tags {
	/** What the numbers of this process begin with, in decimal; of two servers they must not be the same. */
	readonly #prefix = Math.floor((1 + 8 * Math.random()) * 10 ** 8);
	#count = 0;
	readonly #own: readonly [bigint, bigint];
	/**
	 * The first digits of the mark of every process that this one starts, of which
	 * seven more follow; undefined where the system doesn't let it mark any.
	 */
	readonly mark: string | undefined;

	constructor(private readonly libc: Libc) {
		this.#own = this.#get(0) ?? [0n, 0n];
		const isPossible = this.put() !== undefined;
		this.takeOff();
		this.mark = isPossible ? String(this.#prefix) : undefined;
	}

	/** Marks what this process starts from now on; undefined where the system doesn't let it. */
	put(): number | undefined {
		const tag = this.#prefix * COUNTS + (this.#count++ % COUNTS);
		return this.#set(BigInt(tag)) ? tag : undefined;
	}

	/** Starts something of this process's own without a mark, also where it has one itself. */
	without<T>(start: () => T): T {
		this.#set(this.#own[1]);
		try {
			return start();
		} finally {
			this.takeOff();
		}
	}

	/** Starts without a mark again. */
	takeOff(): void {
		this.#set(this.#own[0]);
	}

	/** What a process inherited; undefined where it is gone or not ours to ask. */
	of(pid: number): number | undefined {
		const limit = this.#get(pid)?.[0];
		return limit === undefined ? undefined : Number(limit);
	}

	#get(pid: number): [bigint, bigint] | undefined {
		// struct rlimit64 { rlim_cur, rlim_max }.
		const limit = new BigUint64Array(2);
		const failed = this.libc.prlimit(pid, RLIMIT_LOCKS, null, ptr(limit)) !== 0;
		const [soft = 0n, hard = 0n] = limit;
		return failed ? undefined : [soft, hard];
	}

	#set(soft: bigint): boolean {
		const limit = new BigUint64Array([soft, this.#own[1]]);
		return this.libc.prlimit(0, RLIMIT_LOCKS, ptr(limit), null) === 0;
	}
}
