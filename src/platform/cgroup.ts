import {
	existsSync,
	mkdirSync,
	readdirSync,
	rmdirSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { systemCode } from "../errors.ts";
import { AllActivity } from "./activity.ts";
import { look, readIfThere, readRecord } from "./look.ts";

/** The name of a folder that no other server has. */
export function serverGroupName(): string {
	return `mcp-process-${process.pid}-${crypto.getRandomValues(new Uint8Array(4)).toHex()}`;
}

/** Milliseconds after which a group that is done with is removed where nothing is started before. */
const LINGER = 100;
/** Groups that are removed in one turn of the event loop; one takes 0.2 ms. */
const MOST_REMOVED = 16;

/** The control groups of one server: a folder, and one below it for each tree. */
export class Cgroups {
	#count = 0;
	#isUsable = true;
	/** An empty group for the next process: to make one takes longer than all else of its start that is done here. */
	#spare: string | undefined;
	#making: ReturnType<typeof setImmediate> | undefined;
	/** Groups to be removed, the oldest first. */
	readonly #done: string[] = [];
	#removing: ReturnType<typeof setTimeout> | undefined;

	readonly activity: AllActivity;

	private constructor(readonly directory: string) {
		this.activity = new AllActivity(directory);
	}

	/**
	 * @throws Error where the system refuses, or can't end a whole group at once
	 *   (cgroup.kill, since Linux 5.14)
	 */
	static create(home: string): Cgroups {
		const directory = join(home, serverGroupName());
		mkdirSync(directory);
		removeStale(home);
		const cgroups = new Cgroups(directory);
		if (existsSync(join(directory, "cgroup.kill"))) return cgroups;
		cgroups.remove();
		throw new Error("this kernel has no cgroup.kill");
	}

	/** A new group; undefined where there can't be another one. */
	add(): Cgroup | undefined {
		if (!this.#isUsable) return undefined;
		const spare = this.#spare;
		this.#spare = undefined;
		this.#makeSpareSoon();
		const isThere = spare !== undefined && existsSync(spare);
		const directory = isThere ? spare : this.#make();
		return directory === undefined
			? undefined
			: new Cgroup(directory, (done) => this.#removeLater(done));
	}

	/** Makes the next group while the process that gets this one begins to run, and removes those before it. */
	#makeSpareSoon(): void {
		this.#making ??= setImmediate(() => {
			this.#making = undefined;
			this.#spare ??= this.#make();
			this.#removeDone();
		});
	}

	/** Not at once: whose process has ended may be about to ask for the next one. */
	#removeLater(directory: string): void {
		this.#done.push(directory);
		this.#removing ??= setTimeout(() => this.#removeDone(), LINGER);
	}

	#removeDone(): void {
		clearTimeout(this.#removing);
		this.#removing = undefined;
		for (const directory of this.#done.splice(0, MOST_REMOVED))
			removeTree(directory);
		if (this.#done.length > 0)
			this.#removing = setTimeout(() => this.#removeDone(), 0);
	}

	#make(): string | undefined {
		const directory = join(this.directory, String(this.#count++));
		try {
			// The folder above may have been taken for one that somebody left.
			mkdirSync(directory, { recursive: true });
			return directory;
		} catch {
			return undefined;
		}
	}

	/** To be called when processes can't be started in a group here, whatever its files say. */
	giveUp(): void {
		this.#isUsable = false;
	}

	/** Removes what is empty. */
	remove(): void {
		if (this.#making) clearImmediate(this.#making);
		clearTimeout(this.#removing);
		this.activity.close();
		removeTree(this.directory);
	}
}

/** One tree's control group. */
export class Cgroup {
	/** @param discard has the folder removed, sooner or later */
	constructor(
		readonly directory: string,
		private readonly discard: (directory: string) => void,
	) {}

	/** Pids of the members; a zombie is none. */
	members(): number[] {
		const text = readIfThere(this.#file("cgroup.procs")) ?? "";
		// 0 is a process of another pid namespace.
		return text.split("\n").map(Number).filter(Boolean);
	}

	/** CPU seconds of all that was ever in it; undefined where the kernel doesn't count them. */
	get cpuSeconds(): number | undefined {
		const text = readRecord(this.#file("cpu.stat")) ?? "";
		const microseconds = /^usage_usec (\d+)$/m.exec(text)?.[1];
		return microseconds === undefined ? undefined : Number(microseconds) / 1e6;
	}

	/** Whether any member lives, also one that no list catches. */
	get isPopulated(): boolean {
		return this.#tells("populated 1");
	}

	/** Whether the kernel says that none does; not so where it can't be asked. */
	get isEmpty(): boolean {
		return this.#tells("populated 0");
	}

	/**
	 * Sends SIGKILL to every member, and to those of groups below, in one step
	 * that a fork can't slip through.
	 */
	kill(): void {
		this.#write("cgroup.kill", "1");
	}

	/** Pauses every member, or lets all go on; none of them, and no parent, sees it happen. */
	freeze(on: boolean): void {
		this.#write("cgroup.freeze", on ? "1" : "0");
	}

	/**
	 * Pauses every member, and lets all go on when `act`, called again and again,
	 * has answered false once none of them runs.
	 *
	 * @param patience milliseconds after which they go on in any case
	 * @returns whether it has
	 */
	whileFrozen(patience: number, act: () => boolean): boolean {
		this.freeze(true);
		try {
			const deadline = performance.now() + patience;
			for (;;) {
				const isFrozen = this.#tells("frozen 1");
				if (!act() && isFrozen) return true;
				if (performance.now() > deadline) return false;
			}
		} finally {
			this.freeze(false);
		}
	}

	/** Whether a line stands in cgroup.events. */
	#tells(line: string): boolean {
		const text = readRecord(this.#file("cgroup.events"));
		return text?.split("\n").includes(line) ?? false;
	}

	#file(name: string): string {
		return `${this.directory}/${name}`;
	}

	/** Where it was removed from outside, its members are found in other ways. */
	#write(file: string, value: string): void {
		look(() => writeFileSync(this.#file(file), value));
	}

	/** To be removed, with what its members made below it, once all of them have ended. */
	remove(): void {
		this.discard(this.directory);
	}
}

/** Removes what servers left that ended while something in it could not be ended. */
export function removeStale(home: string): void {
	for (const name of readdirSync(home)) {
		const pid = /^mcp-process-(\d+)-/.exec(name)?.[1];
		if (pid !== undefined && !existsSync(`/proc/${pid}`))
			removeTree(join(home, name));
	}
}

/** Removes an empty group, with what was made below it; one with members stays. */
export function removeTree(directory: string): void {
	try {
		// Most have nothing below them.
		rmdirSync(directory);
		return;
	} catch (error) {
		if (systemCode(error) === "ENOENT") return;
	}
	try {
		for (const entry of readdirSync(directory, { withFileTypes: true }))
			if (entry.isDirectory()) removeTree(join(directory, entry.name));
		rmdirSync(directory);
	} catch {
		// Somebody is in it, or it is gone.
	}
}
