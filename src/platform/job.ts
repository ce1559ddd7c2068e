import { ptr } from "bun:ffi";
import {
	allProcesses,
	creationTime,
	type Handle,
	type Kernel32,
	openProcess,
} from "./kernel32.ts";

const JOB_OBJECT_BASIC_PROCESS_ID_LIST = 3;
const JOB_OBJECT_BASIC_AND_IO_ACCOUNTING = 8;
const JOB_OBJECT_EXTENDED_LIMITS = 9;
const JOB_OBJECT_CPU_RATE_CONTROL = 15;
const KILL_ON_JOB_CLOSE = 0x2000;
const LIMIT_ACTIVE_PROCESSES = 0x0008;
const RATE_ENABLED = 0x1;
const RATE_IS_HARD_CAP = 0x4;
/** sizeof() of the structures and offsets in them, of 64-bit Windows. */
const EXTENDED_LIMITS_SIZE = 144;
const LIMIT_FLAGS = 16;
const ACTIVE_PROCESS_LIMIT = 40;
const ACCOUNTING_SIZE = 96;

/** The exit code of what is ended by force: that of SIGKILL in a shell. */
export const KILLED = 137;

/** A hard cap's unit is a hundredth of a percent of all processors. */
export const WHOLE_MACHINE = 10_000;

/**
 * The rate that holds a job to a share of CPU.
 *
 * @param percent 100 is one processor
 * @returns undefined where the system's unit is too coarse for it
 */
export function cpuRate(
	percent: number,
	processors: number,
): number | undefined {
	const rate = Math.floor((percent * (WHOLE_MACHINE / 100)) / processors);
	return rate >= 1 ? Math.min(rate, WHOLE_MACHINE) : undefined;
}

/** What a job's members used, those that ended included. */
export interface Accounting {
	/** Units of 100 ns. */
	readonly cpu: number;
	/** Bytes. */
	readonly read: number;
	readonly written: number;
}

/**
 * A Job Object: a set of processes that whatever they start belongs to as well,
 * and that the kernel ends as a whole (Microsoft, "Job Objects", "Nested Jobs").
 */
export class Job {
	#handle: Handle;
	/** Pids of a query's answer, and two counts before them. */
	#list = new BigUint64Array(64);

	/** @throws Error where the system gives no job */
	constructor(private readonly kernel: Kernel32) {
		this.#handle = kernel.CreateJobObjectW(null, null);
		if (this.#handle === 0n) throw new Error("no Job Object can be made");
		if (this.#limit()) return;
		this.close();
		throw new Error("a Job Object can't be told to end with this process");
	}

	/** Has the system let no more than so many members run; it refuses what they start beyond. */
	limitProcesses(count: number): void {
		this.#limit(count);
	}

	/**
	 * Has the system stop the members, whenever they have used their share, until
	 * more is due; false where it can't (Microsoft,
	 * "JOBOBJECT_CPU_RATE_CONTROL_INFORMATION").
	 *
	 * @param rate see `cpuRate`
	 */
	limitCpu(rate: number): boolean {
		const wanted = new Uint32Array([RATE_ENABLED | RATE_IS_HARD_CAP, rate]);
		const { kernel } = this;
		const [job, size] = [this.#handle, wanted.byteLength];
		const kind = JOB_OBJECT_CPU_RATE_CONTROL;
		if (kernel.SetInformationJobObject(job, kind, ptr(wanted), size) === 0)
			return false;
		const set = new Uint32Array(2);
		kernel.QueryInformationJobObject(job, kind, ptr(set), size, null);
		return set.every((value, index) => value === wanted[index]);
	}

	/**
	 * Nothing may break away from it, as neither of the limits that let it is set;
	 * when its last handle is closed, which is this process's, it is ended.
	 */
	#limit(processes?: number): boolean {
		const limits = new DataView(new ArrayBuffer(EXTENDED_LIMITS_SIZE));
		const counts = processes === undefined ? 0 : LIMIT_ACTIVE_PROCESSES;
		limits.setUint32(LIMIT_FLAGS, KILL_ON_JOB_CLOSE | counts, true);
		limits.setUint32(ACTIVE_PROCESS_LIMIT, processes ?? 0, true);
		return (
			this.kernel.SetInformationJobObject(
				this.#handle,
				JOB_OBJECT_EXTENDED_LIMITS,
				ptr(limits),
				EXTENDED_LIMITS_SIZE,
			) !== 0
		);
	}

	/** Puts a process in; false where the system refuses, or the process has ended. */
	add(process: Handle): boolean {
		return this.kernel.AssignProcessToJobObject(this.#handle, process) !== 0;
	}

	has(process: Handle): boolean {
		const answer = new Int32Array(1);
		this.kernel.IsProcessInJob(process, this.#handle, ptr(answer));
		return answer[0] !== 0;
	}

	/** Pids of the members that run. */
	pids(): number[] {
		if (this.#handle === 0n) return [];
		for (;;) {
			const list = this.#list;
			const worked = this.kernel.QueryInformationJobObject(
				this.#handle,
				JOB_OBJECT_BASIC_PROCESS_ID_LIST,
				ptr(list),
				list.byteLength,
				null,
			);
			const [assigned = 0, listed = 0] = new Uint32Array(list.buffer, 0, 2);
			if (worked !== 0 && listed >= assigned)
				return [...list.slice(1, 1 + listed)].map(Number);
			if (list.length > assigned + 64) return [];
			this.#list = new BigUint64Array(list.length + assigned + 64);
		}
	}

	/** Ends every member in one step. */
	kill(): void {
		this.kernel.TerminateJobObject(this.#handle, KILLED);
	}

	/** Undefined where the system does not count. */
	accounting(): Accounting | undefined {
		const info = new BigUint64Array(ACCOUNTING_SIZE / 8);
		const worked = this.kernel.QueryInformationJobObject(
			this.#handle,
			JOB_OBJECT_BASIC_AND_IO_ACCOUNTING,
			ptr(info),
			ACCOUNTING_SIZE,
			null,
		);
		if (worked === 0) return undefined;
		const [user = 0n, inKernel = 0n] = info;
		const [read = 0n, written = 0n] = info.slice(9);
		return {
			cpu: Number(user + inKernel),
			read: Number(read),
			written: Number(written),
		};
	}

	/** Gives it back, which ends what is left in it. */
	close(): void {
		if (this.#handle !== 0n) this.kernel.CloseHandle(this.#handle);
		this.#handle = 0n;
	}
}

/** A process that is held: its pid is not another's until the handle is closed. */
export interface Held {
	readonly handle: Handle;
	/** When it was made, in units of 100 ns. */
	readonly created: bigint;
}

/** Holds a process; undefined where there is none or it is not ours to hold. */
export function hold(kernel: Kernel32, pid: number): Held | undefined {
	const handle = openProcess(kernel, pid, "rule");
	if (handle === 0n) return undefined;
	const created = creationTime(kernel, handle);
	if (created !== undefined) return { handle, created };
	kernel.CloseHandle(handle);
	return undefined;
}

/**
 * Adds the descendants of what is held to it.
 *
 * A parent's pid says who started a process only while that pid is the same
 * process's, and so does a snapshot only of what is held since before it was
 * taken: each one that is found is held, and believed if another snapshot shows
 * it again.
 */
export function holdDescendants(
	kernel: Kernel32,
	held: Map<number, Held>,
): void {
	const candidates = new Map<number, Held>();
	for (let isNew = true; isNew; ) {
		isNew = false;
		for (const { pid, parent } of allProcesses(kernel)) {
			const starter = held.get(parent);
			if (!starter || held.has(pid)) continue;
			const candidate = candidates.get(pid);
			if (candidate) {
				if (candidate.created >= starter.created) held.set(pid, candidate);
				continue;
			}
			const found = hold(kernel, pid);
			if (!found) continue;
			candidates.set(pid, found);
			isNew = true;
		}
	}
	for (const [pid, { handle }] of candidates)
		if (!held.has(pid)) kernel.CloseHandle(handle);
}
