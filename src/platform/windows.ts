import { diagnose, messageOf } from "../errors.ts";
import { LIMITS_BY_LOOKS, type Limits } from "../security/resources.ts";
import { Job, WHOLE_MACHINE } from "./job.ts";
import {
	type Iphlpapi,
	ignoresCtrlC,
	type Kernel32,
	type Ntdll,
	openIphlpapi,
	openKernel32,
	openNtdll,
} from "./kernel32.ts";
import type { Enclosure, Platform, StartSelf } from "./platform.ts";
import { Snapshot } from "./snapshot.ts";
import { SystemProcesses } from "./system-processes.ts";
import { guarantees } from "./windows-guarantees.ts";
import { type Means, WindowsTree } from "./windows-tree.ts";

/** The argument with which this program asks processes to end; see `sendInterrupt`. */
export const INTERRUPT = "interrupt";

export function createWindows(): Platform {
	const kernel = openKernel32();
	let tcp: Iphlpapi | undefined;
	let startSelf: StartSelf = () => {};
	/** This process and everything below it; undefined in one that is no server. */
	let all: Job | undefined;
	/** Whether this process ignores Ctrl+C, as its client wants it. */
	let isDeaf = false;
	let nt: Ntdll | undefined;
	const processes = SystemProcesses.of(() => means.nt());
	const means: Means = {
		kernel,
		nt() {
			nt ??= openNtdll(kernel);
			return nt;
		},
		snapshot: new Snapshot(() => processes.list()),
		tcp() {
			tcp ??= openIphlpapi(kernel);
			return tcp;
		},
		interrupt: inOneGo((pids) => {
			means.hear(true);
			startSelf([INTERRUPT, ...pids.map(String)]);
			means.hear(false);
		}),
		hear(on) {
			if (isDeaf) kernel.SetConsoleCtrlHandler(null, on ? 0 : 1);
		},
	};
	return {
		pipes: undefined,
		terminals: undefined,
		enforceable: new Set(LIMITS_BY_LOOKS),
		prepareServer(start) {
			startSelf = start;
			isDeaf = ignoresCtrlC(kernel);
			all = jobOfThisProcess();
		},
		hasCapabilities: () => false,
		keepOut() {},
		reaped() {},
		reapedOrphans: 0,
		orphans: () => [],
		enclose: (limits) => enclosure(means, limits),
		mark: undefined,
		unmarked: (start) => start(),
		makeCgroup: () => undefined,
		exit() {},
		endWithin() {},
		release() {},
		guarantees: () => guarantees(all !== undefined, capsCpu(kernel)),
	};

	/** Whatever happens to this process, its end closes the job, and that ends all that is in it. */
	function jobOfThisProcess(): Job | undefined {
		try {
			const job = new Job(kernel);
			if (job.add(kernel.GetCurrentProcess())) return job;
			job.close();
			diagnose("this process can't be put into a Job Object");
		} catch (error) {
			diagnose(messageOf(error));
		}
		return undefined;
	}
}

/** Tries on an empty job whether the system takes a share of CPU. */
function capsCpu(kernel: Kernel32): boolean {
	try {
		const job = new Job(kernel);
		const works = job.limitCpu(WHOLE_MACHINE);
		job.close();
		return works;
	} catch {
		return false;
	}
}

/** Pids of one command line, which Windows cuts at 32,767 characters. */
const MOST_PIDS = 2000;

/** Collects the pids of all calls of a moment: at the server's end every tree is asked at once. */
function inOneGo(
	act: (pids: readonly number[]) => void,
): (pids: readonly number[]) => void {
	const waiting = new Set<number>();
	return (pids) => {
		if (waiting.size === 0)
			queueMicrotask(() => {
				const all = [...waiting];
				waiting.clear();
				for (let at = 0; at < all.length; at += MOST_PIDS)
					act(all.slice(at, at + MOST_PIDS));
			});
		for (const pid of pids) waiting.add(pid);
	};
}

/**
 * A Job Object for a tree. The process is in it from right after its start, so
 * what it has started by then is looked for.
 *
 * It is not detached: without a console of its own, each console program that it
 * starts would open a window, and nothing could ask it to end. With the
 * runtime's `windowsHide` it gets one that nobody sees (CREATE_NO_WINDOW). It is
 * to hear a Ctrl+C there, also where this process was made to ignore the client's.
 */
function enclosure(means: Means, limits: Limits): Enclosure {
	const { kernel, hear } = means;
	hear(true);
	return {
		spawn: { detached: false },
		track(leader) {
			hear(false);
			let job: Job | undefined;
			try {
				job = new Job(kernel);
			} catch (error) {
				diagnose(messageOf(error));
			}
			return new WindowsTree(leader, job, means, limits);
		},
		fallBack: () => false,
		abandon: () => hear(false),
	};
}
