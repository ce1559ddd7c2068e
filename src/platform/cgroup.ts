import {
	existsSync,
	mkdirSync,
	readdirSync,
	rmdirSync,
	statSync,
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

/** Groups without a member that are kept for processes to come. */
const MOST_FREE = 32;
/** Groups that are removed in one turn of the event loop; one takes 0.2 ms. */
const MOST_REMOVED = 16;
/** Milliseconds before such a turn. */
const PAUSE = 20;

/** A group in which nobody is, and the CPU seconds of all that were in it. */
interface Free {
	readonly directory: string;
	readonly cpuSeconds: number;
}

/**
 * The control groups of one server: a folder, and one below it for each tree. A group
 * whose tree has ended is the next one's: to make one and to remove it takes the
 * kernel longer than all else of a start that is done here.
 */
export class Cgroups {
	#count = 0;
	#isUsable = true;
	/** The latest last. */
	readonly #free: Free[] = [];
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

	/** A group for a tree; undefined where there can't be another one. */
	add(): Cgroup | undefined {
		if (!this.#isUsable) return undefined;
		const free = this.#takeFree() ?? this.#make();
		this.#makeNextSoon();
		return free && new Cgroup(free, (done) => this.#takeBack(done));
	}

	/** A group that was nobody's before, and will be nobody's again: for what is set in it. */
	addOwn(): Cgroup | undefined {
		const made = this.#isUsable ? this.#make() : undefined;
		return (
			made && new Cgroup(made, ({ directory }) => this.#removeLater(directory))
		);
	}

	/** One in which nobody is, and nothing will stand still. */
	#takeFree(): Free | undefined {
		for (let free = this.#free.pop(); free; free = this.#free.pop()) {
			const events = readRecord(join(free.directory, "cgroup.events"));
			if (events === "populated 0\nfrozen 0\n") return free;
			this.#removeLater(free.directory);
		}
		return undefined;
	}

	#takeBack({ directory, usedSeconds }: Cgroup): void {
		const isKept = this.#free.length < MOST_FREE && isPlain(directory);
		if (isKept && usedSeconds !== undefined)
			this.#free.push({ directory, cpuSeconds: usedSeconds });
		else this.#removeLater(directory);
	}

	/** Makes the next group while the process that has the last one begins to run. */
	#makeNextSoon(): void {
		if (this.#free.length > 0) return;
		this.#making ??= setImmediate(() => {
			this.#making = undefined;
			const made = this.#free.length === 0 ? this.#make() : undefined;
			if (made) this.#free.push(made);
		});
	}

	/** Not at once: whose process has ended may be about to ask for the next one. */
	#removeLater(directory: string): void {
		this.#done.push(directory);
		this.#removing ??= setTimeout(() => this.#removeDone(), PAUSE);
	}

	#removeDone(): void {
		for (const directory of this.#done.splice(0, MOST_REMOVED))
			removeTree(directory);
		this.#removing =
			this.#done.length > 0
				? setTimeout(() => this.#removeDone(), PAUSE)
				: undefined;
	}

	#make(): Free | undefined {
		const directory = join(this.directory, String(this.#count++));
		try {
			// The folder above may have been taken for one that somebody left.
			mkdirSync(directory, { recursive: true });
			return { directory, cpuSeconds: 0 };
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

/** One tree's control group. Once it is given back it has no members, and nothing can be done to it. */
export class Cgroup {
	readonly directory: string;
	readonly #before: number;
	#usedSeconds: number | undefined;
	#isGivenBack = false;

	/** @param giveBack called once its tree has ended */
	constructor(
		{ directory, cpuSeconds }: Free,
		private readonly giveBack: (group: Cgroup) => void,
	) {
		this.directory = directory;
		this.#before = cpuSeconds;
	}

	/** Pids of the members; a zombie is none. */
	members(): number[] {
		if (this.#isGivenBack) return [];
		const text = readIfThere(this.#file("cgroup.procs")) ?? "";
		// 0 is a process of another pid namespace.
		return text.split("\n").map(Number).filter(Boolean);
	}

	/** CPU seconds of all of its tree; undefined where the kernel doesn't count them. */
	get cpuSeconds(): number | undefined {
		const microseconds = /^usage_usec (\d+)$/m.exec(
			this.#read("cpu.stat") ?? "",
		)?.[1];
		if (microseconds === undefined) return undefined;
		this.#usedSeconds = Number(microseconds) / 1e6;
		return this.#usedSeconds - this.#before;
	}

	/** CPU seconds of all that was ever in it, when they were last asked for. */
	get usedSeconds(): number | undefined {
		return this.#usedSeconds;
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
		return this.#read("cgroup.events")?.split("\n").includes(line) ?? false;
	}

	#read(name: string): string | undefined {
		return this.#isGivenBack ? undefined : readRecord(this.#file(name));
	}

	#file(name: string): string {
		return `${this.directory}/${name}`;
	}

	/** Where it was removed from outside, its members are found in other ways. */
	#write(file: string, value: string): void {
		if (this.#isGivenBack) return;
		look(() => writeFileSync(this.#file(file), value));
	}

	/** To be called once all members have ended. */
	remove(): void {
		if (this.#isGivenBack) return;
		this.#isGivenBack = true;
		this.giveBack(this);
	}
}

/** Whether its members made no folders in a group, and left it of the kind that it was (cgroup.type). */
function isPlain(directory: string): boolean {
	// A folder has a link of each one below it, beside its name and its own.
	const links = statSync(directory, { throwIfNoEntry: false })?.nlink;
	return links === 2 && readRecord(`${directory}/cgroup.type`) === "domain\n";
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
