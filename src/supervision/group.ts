import { ProcessError } from "../errors.ts";
import type { ProcessManager } from "../process/manager.ts";
import type { ManagedProcess } from "../process/process.ts";
import {
	checkCanFeed,
	checkPipelinesAllowed,
	Joint,
	KernelPassage,
	type Passage,
} from "./pipeline.ts";

/** Groups at one time; the oldest in which nothing runs makes room for a new one. */
const MOST_GROUPS = 100;
/** Stages of one pipeline. */
const MOST_STAGES = 100;

/** Processes under one name; in a pipeline each one feeds the next. */
export interface Group {
	readonly id: string;
	/** A label; several groups may have the same. */
	readonly name: string;
	readonly pipeline: boolean;
	/** In the order in which they were added. */
	readonly members: readonly ManagedProcess[];
}

interface Entry extends Group {
	readonly members: ManagedProcess[];
	/** How many terminations of it are under way. */
	ending: number;
}

/** The groups that an agent has made. */
export class Groups {
	readonly #groups = new Map<string, Entry>();
	readonly #of = new WeakMap<ManagedProcess, Entry>();
	readonly #joints = new WeakMap<ManagedProcess, Passage>();
	#count = 0;

	constructor(private readonly manager: ProcessManager) {
		manager.onForget = (process) => this.#forget(process);
	}

	/** @throws ProcessError SECURITY_VIOLATION stdin_not_allowed or CONCURRENT_LIMIT_EXCEEDED */
	create(name: string, pipeline: boolean): Group {
		if (pipeline) checkPipelinesAllowed(this.manager.config);
		if (this.#groups.size >= MOST_GROUPS) this.#makeRoom();
		const id = `group-${++this.#count}`;
		const group = { id, name, pipeline, members: [], ending: 0 };
		this.#groups.set(id, group);
		return group;
	}

	/** @throws ProcessError GROUP_NOT_FOUND */
	get(id: string): Group {
		return this.#get(id);
	}

	list(): readonly Group[] {
		return [...this.#groups.values()];
	}

	/** The group that a process is in. */
	of(process: ManagedProcess): Group | undefined {
		return this.#of.get(process);
	}

	/** What passes from a stage to the next one; undefined where there is none yet. */
	jointOf(process: ManagedProcess): Passage | undefined {
		return this.#joints.get(process);
	}

	/**
	 * Refuses what could not be added once it is started.
	 *
	 * @throws ProcessError GROUP_NOT_FOUND, INVALID_ARGUMENT, OUTPUT_NOT_CAPTURED or PIPELINE_DATA_LOST
	 */
	checkOpen(id: string): Group {
		const group = this.#get(id);
		this.#checkOpen(group, false);
		return group;
	}

	#checkOpen(group: Entry, isPiped: boolean): void {
		const { id } = group;
		if (group.ending > 0)
			throw invalid(
				`group ${id} is being terminated`,
				"Wait until that is done, or make another group.",
			);
		if (!group.pipeline) return;
		if (group.members.length >= MOST_STAGES)
			throw invalid(
				`pipeline ${id} has ${MOST_STAGES} stages already`,
				"Make another group.",
			);
		const last = group.members.at(-1);
		if (last && !isPiped) checkCanFeed(last, this.manager.config);
	}

	/**
	 * Adds a process; in a pipeline it is fed by the one added before. To add it
	 * again to a group that is no pipeline changes nothing.
	 *
	 * @throws ProcessError as `checkOpen`, STDIN_NOT_AVAILABLE, or INVALID_ARGUMENT
	 *   where it is in a group already
	 */
	add(id: string, process: ManagedProcess): void {
		const group = this.#get(id);
		const before = this.#of.get(process);
		if (before === group && !group.pipeline) return;
		if (before) throw isMember(process, before, group);
		const last = group.members.at(-1);
		const isPiped = last?.pipedTo === process.pid && process.fedBy === last.pid;
		this.#checkOpen(group, isPiped);
		if (group.pipeline && process.terminal)
			throw invalid(
				`process ${process.pid} runs in a terminal, and stages of a pipeline need pipes`,
				"Start it anew without terminal.",
				"pid",
			);
		if (group.pipeline && last) this.#join(last, process, isPiped);
		if (group.pipeline) process.stdout.keep();
		group.members.push(process);
		this.#of.set(process, group);
	}

	/** Keeps new members out while a group is being terminated. */
	async whileEnding<T>(id: string, end: () => Promise<T>): Promise<T> {
		const group = this.#get(id);
		group.ending++;
		try {
			return await end();
		} finally {
			group.ending--;
		}
	}

	#join(from: ManagedProcess, to: ManagedProcess, isPiped: boolean): void {
		const joint = isPiped
			? new KernelPassage(from, to)
			: new Joint(from, to, this.manager.config);
		this.#joints.set(from, joint);
		void joint.done.then(() => this.manager.journal.passed(to, from, joint));
	}

	#get(id: string): Entry {
		const group = this.#groups.get(id);
		if (group) return group;
		throw new ProcessError(
			"GROUP_NOT_FOUND",
			`Group ${JSON.stringify(id)} not found`,
			`process_list shows the groups; process_create_group makes one. Of more than ${MOST_GROUPS} the oldest in which nothing runs are forgotten.`,
			{ groupId: id },
		);
	}

	/** A process that is remembered no more is no member; but a pipeline's last stage keeps its place. */
	#forget(process: ManagedProcess): void {
		const group = this.#of.get(process);
		if (!group) return;
		if (!group.pipeline || this.#joints.has(process)) {
			group.members.splice(group.members.indexOf(process), 1);
			return;
		}
		// Nobody can read any more what it left.
		process.stdout.drop();
		process.closeOutput();
	}

	#makeRoom(): void {
		for (const group of this.#groups.values()) {
			const isIdle = group.members.every((member) => !member.lives);
			if (!isIdle || group.ending > 0) continue;
			this.#groups.delete(group.id);
			for (const member of group.members) {
				this.#of.delete(member);
				// No next stage can come for what is held for one.
				void member.freeOutput();
			}
			return;
		}
		throw new ProcessError(
			"CONCURRENT_LIMIT_EXCEEDED",
			`Maximum of ${MOST_GROUPS} groups reached, and processes run in each of them`,
			"Add to one of the groups, or terminate one that is no longer needed.",
			{ limit: MOST_GROUPS },
		);
	}
}

function isMember(
	{ pid }: ManagedProcess,
	before: Entry,
	group: Group,
): ProcessError {
	const place = before.members.findIndex((member) => member.pid === pid) + 1;
	return invalid(
		before === group
			? `process ${pid} is in this pipeline already, as stage ${place}`
			: `process ${pid} is in group ${before.id} already`,
		"A process has one place in one group; start another one.",
		"pid",
	);
}

function invalid(
	what: string,
	remediation: string,
	field = "groupId",
): ProcessError {
	return new ProcessError(
		"INVALID_ARGUMENT",
		`${field}: ${what}`,
		remediation,
		{ field },
	);
}
