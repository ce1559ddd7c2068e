import type { Signal, Tree, TreeSample } from "../../src/platform/platform.ts";
import type { Exit } from "../../src/process/exit.ts";
import type { Identity } from "../../src/process/identity.ts";
import { ManagedProcess } from "../../src/process/process.ts";

/** What a look at a tree of one idle process shows, but for what is said. */
export function sampleOf(changes: Partial<TreeSample> = {}): TreeSample {
	return {
		processCount: 1,
		threadCount: 1,
		cpuSeconds: 0,
		memoryBytes: 2 ** 20,
		peakMemoryBytes: 0,
		ioReadBytes: 0,
		ioWriteBytes: 0,
		...changes,
	};
}

export const NO_EXIT: Exit = {
	exitCode: 0,
	signal: null,
	cpuSeconds: 0,
	peakMemoryBytes: 0,
};

/** A tree that shows what it is told to, and remembers who looked. */
export class RecordedTree implements Tree {
	readonly isThrottled = false;

	enforcedBy(): undefined {
		return undefined;
	}

	wasOutOfMemory(): undefined {
		return undefined;
	}

	/** When looks came, in milliseconds of the monotonic clock. */
	readonly looks: number[] = [];
	readonly signals: Signal[] = [];
	/** Looks under way. */
	open = 0;
	/** The most looks that were under way at once. */
	mostOpen = 0;
	isGone = false;

	/** @param show what a look shows; called at each one */
	constructor(
		readonly show: () =>
			| TreeSample
			| undefined
			| Promise<TreeSample | undefined> = sampleOf,
	) {}

	/** When the looks came, in milliseconds after a time of the monotonic clock. */
	after(start: number): number[] {
		return this.looks.map((at) => at - start);
	}

	sample(): TreeSample | undefined | Promise<TreeSample | undefined> {
		this.looks.push(performance.now());
		const shown = this.isGone ? undefined : this.show();
		if (!(shown instanceof Promise)) return shown;
		this.open++;
		this.mostOpen = Math.max(this.mostOpen, this.open);
		return shown.finally(() => {
			this.open--;
		});
	}

	signal(...signals: readonly Signal[]): void {
		this.signals.push(...signals);
	}

	hasLeaderEnded(): boolean {
		return this.isGone;
	}

	alive(): readonly number[] {
		return this.isGone ? [] : [1];
	}

	proportionalMemory(): Iterable<number> | undefined {
		return undefined;
	}

	limitDescriptors(): void {}
	openDescriptors(): undefined {}
	listeningPorts(): undefined {}
	forget(): void {}
}

/** A process of such a tree, which ends when it is told to. */
export class RecordedProcess {
	readonly #exit = Promise.withResolvers<Exit>();
	readonly process: ManagedProcess;

	constructor(
		readonly tree: RecordedTree,
		limits: Identity["limits"] = {},
	) {
		this.process = new ManagedProcess(
			{
				name: undefined,
				command: "recorded",
				file: "/recorded",
				args: [],
				cwd: "/",
				agent: "test",
				limits,
				deadlines: {},
			},
			{
				pid: 1,
				tree,
				stdin: undefined,
				stdout: undefined,
				stderr: undefined,
				exited: this.#exit.promise,
			},
			0,
			() => {},
		);
	}

	/** Its first process ends; the tree lives on unless it is said to be gone. */
	exit(exit: Partial<Exit> = {}): void {
		this.#exit.resolve({ ...NO_EXIT, ...exit });
	}

	/** All of it ends, and is known to have. */
	async end(): Promise<void> {
		this.tree.isGone = true;
		this.exit();
		await this.process.gone;
	}
}
