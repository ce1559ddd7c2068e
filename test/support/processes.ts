import { readdirSync, readFileSync } from "node:fs";
import type {
	ProcessEntry,
	ProcessSource,
} from "../../src/platform/process-table.ts";

/** A table of processes as the system would have it, with what happens to them. */
export class RecordedProcesses implements ProcessSource {
	readonly #entries = new Map<number, ProcessEntry>();
	#next = 100;

	constructor() {
		this.#add({ pid: 1, parent: 0, group: 1, session: 1, starter: 0 });
	}

	list(): readonly ProcessEntry[] {
		return [...this.#entries.values()].reverse();
	}

	find(pid: number): ProcessEntry | undefined {
		return this.#entries.get(pid);
	}

	/** A child that has its parent's group and session unless told otherwise. */
	fork(
		parent: number,
		pid: number,
		changes: { readonly group?: number; readonly session?: number } = {},
	): number {
		const { serial, group, session } = this.#get(parent);
		this.#add({ pid, parent, group, session, starter: serial, ...changes });
		return pid;
	}

	/** A child that leads a session of its own, as servers and daemons do. */
	forkSession(parent: number, pid: number): number {
		return this.fork(parent, pid, { group: pid, session: pid });
	}

	/** It ends, and launchd adopts its children. */
	exit(pid: number): void {
		this.#entries.set(pid, { ...this.#get(pid), hasEnded: true });
		for (const entry of this.#entries.values())
			if (entry.parent === pid)
				this.#entries.set(entry.pid, { ...entry, parent: 1 });
	}

	/** It ends, and its parent, or launchd, waits for it. */
	reap(pid: number): void {
		this.exit(pid);
		this.#entries.delete(pid);
	}

	#get(pid: number): ProcessEntry {
		const entry = this.#entries.get(pid);
		if (!entry) throw new Error(`no process ${pid}`);
		return entry;
	}

	#add(entry: Omit<ProcessEntry, "serial" | "hasEnded">): void {
		const serial = this.#next++;
		this.#entries.set(entry.pid, { ...entry, serial, hasEnded: false });
	}
}

/** Most pids that Linux gives (proc_sys_kernel(5)). */
const MOST_PIDS = 2 ** 22;

/**
 * The real processes of a Linux machine in the form of a Mac's table: start time
 * and pid make the serial, and who started a process is who was its parent when
 * it was first seen.
 */
export class LinuxProcesses implements ProcessSource {
	readonly #starters = new Map<number, number>();

	list(): readonly ProcessEntry[] {
		return readdirSync("/proc").flatMap((name) =>
			/^\d+$/.test(name) ? (this.find(Number(name)) ?? []) : [],
		);
	}

	find(pid: number): ProcessEntry | undefined {
		const stat = readLinuxStat(pid);
		if (!stat) return undefined;
		let starter = this.#starters.get(stat.serial);
		if (starter === undefined) {
			starter = readLinuxStat(stat.parent)?.serial ?? 0;
			this.#starters.set(stat.serial, starter);
		}
		return { ...stat, starter };
	}
}

function readLinuxStat(pid: number): Omit<ProcessEntry, "starter"> | undefined {
	let text: string;
	try {
		text = readFileSync(`/proc/${pid}/stat`, "utf8");
	} catch {
		return undefined;
	}
	// Fields from the third on, of proc_pid_stat(5).
	const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
	const [state = "", parent, group, session] = fields;
	return {
		pid,
		parent: Number(parent),
		group: Number(group),
		session: Number(session),
		serial: Number(fields[19]) * MOST_PIDS + pid,
		hasEnded: "ZXx".includes(state),
	};
}
