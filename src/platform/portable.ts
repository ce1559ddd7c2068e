import pidusage from "pidusage";
import type { Platform, Signal, Tree, TreeSample } from "./platform.ts";
import { sendSignal } from "./signal.ts";

/**
 * What every system has, where its own calls can't be had: the runtime's own
 * pipes, and pidusage for CPU and memory.
 */
export function createPortable(): Platform {
	return {
		pipes: undefined,
		terminals: undefined,
		prepareServer() {},
		// A tree can't be measured as a whole here.
		enforceable: new Set(),
		hasCapabilities: () => false,
		keepOut() {},
		reaped() {},
		reapedOrphans: 0,
		orphans: () => [],
		enclose: () => ({
			spawn: { detached: true },
			track: (leader) => new PortableTree(leader),
			fallBack: () => false,
			abandon() {},
		}),
		mark: undefined,
		unmarked: (start) => start(),
		makeCgroup: () => undefined,
		exit() {},
		endWithin() {},
		release() {},
		guarantees: () => [],
	};
}

class PortableTree implements Tree {
	constructor(private readonly leader: number) {}

	signal(...signals: readonly Signal[]): void {
		for (const signal of signals) sendSignal(-this.leader, signal);
	}

	hasLeaderEnded(): boolean {
		return false;
	}

	alive(): readonly number[] {
		return sendSignal(-this.leader, 0) ? [this.leader] : [];
	}

	async sample(): Promise<TreeSample | undefined> {
		try {
			const usage = await pidusage(this.leader);
			return {
				processCount: 1,
				threadCount: undefined,
				cpuSeconds: usage.ctime / 1000,
				memoryBytes: usage.memory,
				ioReadBytes: undefined,
				ioWriteBytes: undefined,
			};
		} catch {
			return undefined;
		}
	}

	forget(): void {}

	proportionalMemory(): undefined {
		return undefined;
	}

	limitDescriptors(): void {
		throw new Error("descriptors can't be limited on this system");
	}

	openDescriptors(): undefined {
		return undefined;
	}

	enforcedBy(): undefined {
		return undefined;
	}

	readonly isThrottled = false;

	wasOutOfMemory(): undefined {
		return undefined;
	}

	listeningPorts(): undefined {
		return undefined;
	}
}
