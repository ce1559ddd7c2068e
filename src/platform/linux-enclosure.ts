import { readFileSync } from "node:fs";
import { diagnose, EXHAUSTED, messageOf, systemCode } from "../errors.ts";
import type { Adoptions } from "./adoption.ts";
import { type Cgroup, Cgroups } from "./cgroup.ts";
import type { LimitGroup } from "./cgroup-limits.ts";
import { findCgroupHome } from "./cgroup-mounts.ts";
import { InputWatch } from "./linux-input.ts";
import { type Eyes, LinuxTree } from "./linux-tree.ts";
import type { OomWatch } from "./oom.ts";
import type { Enclosure, LivesIn, StandardInput, Tree } from "./platform.ts";
import type { Tags } from "./tag.ts";

/** What a tree is held together with. */
interface Bindings {
	readonly tags: Tags;
	readonly adoptions: Adoptions;
	readonly oom: OomWatch;
	readonly cgroups: Cgroups | { readonly reason: string };
	/** Makes the group in which the kernel holds a tree to its limits; undefined where there are none. */
	readonly limit: (group: string | undefined) => LimitGroup | undefined;
	/** Makes a group that only gives a tree one share of the processors. */
	readonly share: () => LimitGroup;
}

/** How often what a process started before it was put into its group is looked for. */
const MOST_ROUNDS = 5;
/** Milliseconds in which a control group surely stands still; a process in the middle of a disk's work takes longest. */
const FREEZING = 200;
/** Milliseconds in which hundreds that do nothing are put into another group, one by one. */
const RESTING = 100;

/** This server's control groups, or why it has none. */
export function openCgroups(
	livesIn?: LivesIn,
): Cgroups | { readonly reason: string } {
	const home = findCgroupHome(
		"v2",
		readFileSync("/proc/self/mountinfo", "utf8"),
		readFileSync("/proc/self/cgroup", "utf8"),
	);
	if ("reason" in home) return home;
	try {
		const cgroups = Cgroups.create(home.directory);
		if (!livesIn || takesIn(cgroups, livesIn)) return cgroups;
		cgroups.remove();
		return { reason: "this kernel kills what is started in one from here" };
	} catch (error) {
		return { reason: messageOf(error) };
	}
}

function takesIn(cgroups: Cgroups, livesIn: LivesIn): boolean {
	const group = cgroups.add();
	const takes = group === undefined || livesIn(group.directory);
	group?.remove();
	return takes;
}

/** For a process that adopts nothing: a session, and what /proc tells of it. */
export class BareEnclosure implements Enclosure {
	readonly spawn = { detached: true };

	constructor(private readonly eyes: Eyes) {}

	track(leader: number, input: StandardInput): Tree {
		return new LinuxTree(
			leader,
			new InputWatch(leader, input),
			this.eyes,
			undefined,
		);
	}

	fallBack(): boolean {
		return false;
	}

	abandon(): void {}
}

/** A session, a tag that is inherited, and a control group where there can be one. */
export class LinuxEnclosure implements Enclosure {
	readonly #tag: number | undefined;
	readonly #cgroups: Cgroups | undefined;
	#cgroup: Cgroup | undefined;
	readonly #limits: LimitGroup | undefined;
	#hasFallenBack = false;

	constructor(
		private readonly eyes: Eyes,
		private readonly bindings: Bindings,
	) {
		const { tags, cgroups } = bindings;
		this.#tag = tags.put();
		this.#cgroups = cgroups instanceof Cgroups ? cgroups : undefined;
		this.#cgroup = this.#cgroups?.add();
		this.#limits = bindings.limit(this.#cgroup?.directory);
	}

	get spawn(): Enclosure["spawn"] {
		return this.#cgroup
			? { detached: true, cgroup: this.#cgroup.directory }
			: { detached: true };
	}

	fallBack(error: unknown): boolean {
		if (!this.#cgroup || pathOf(error) !== this.#cgroup.directory) return false;
		// That has nothing to do with the group.
		const code = systemCode(error) ?? "";
		if ([...EXHAUSTED, "EAGAIN", "ENOMEM"].includes(code)) return false;
		this.#cgroup.remove();
		this.#cgroup = undefined;
		this.#hasFallenBack = true;
		return true;
	}

	track(leader: number, input: StandardInput): Tree {
		const { tags, adoptions, oom } = this.bindings;
		tags.takeOff();
		adoptions.register(leader);
		if (this.#hasFallenBack && this.#cgroups) {
			this.#cgroups.giveUp();
			diagnose(`processes can't be started in ${this.#cgroups.directory}`);
		}
		const tree = new LinuxTree(
			leader,
			new InputWatch(leader, input),
			this.eyes,
			{
				adoptions,
				tag: this.#tag,
				cgroup: this.#cgroup,
				limits: this.#limits,
				share: this.bindings.share,
				joinAll: (group) => this.#joinAll(group),
				oom,
				activity: this.#cgroups?.activity,
			},
		);
		this.#join(tree, leader);
		return tree;
	}

	/** Puts a tree into the groups that limit it, where it was not started in them. */
	#join(tree: Tree, leader: number): void {
		const limits = this.#limits;
		if (!limits?.isJoinedLater) return;
		const join = limits.joining();
		if (this.#cgroup) {
			joinFrozen(this.#cgroup, join);
			return;
		}
		join([leader]);
		for (let round = 0; round < MOST_ROUNDS; round++)
			if (!join(tree.alive())) return;
	}

	#joinAll(group: LimitGroup): boolean {
		if (!group.isJoinedLater || !this.#cgroup) return true;
		const join = group.joining();
		return joinAtRest(this.#cgroup, join) || joinFrozen(this.#cgroup, join);
	}

	abandon(): void {
		this.bindings.tags.takeOff();
		this.#limits?.remove();
		this.#cgroup?.remove();
	}
}

/**
 * Who starts nothing is not paused for it: some calls in which programs wait end with
 * EINTR then, though no signal came (signal(7)).
 *
 * @returns whether all have joined
 */
function joinAtRest(
	cgroup: Cgroup,
	join: (pids: readonly number[]) => boolean,
): boolean {
	const deadline = performance.now() + RESTING;
	const before = new Set(cgroup.members());
	// The kernel takes some 10 ms for the first one: who forks has forked meanwhile.
	join([...before].slice(0, 1));
	const now = cgroup.members();
	if (now.some((pid) => !before.has(pid))) return false;
	for (const pid of now) {
		// Who takes all processors leaves none to who joins it.
		if (performance.now() > deadline) return false;
		join([pid]);
	}
	return !join(cgroup.members());
}

/** What an error of the system's is about. */
function pathOf(error: unknown): unknown {
	return error instanceof Error && "path" in error ? error.path : undefined;
}

/** A fork bomb is faster than who runs after it, and holds up who joins it. */
function joinFrozen(
	cgroup: Cgroup,
	join: (pids: readonly number[]) => boolean,
): boolean {
	return cgroup.whileFrozen(FREEZING, () => join(cgroup.members()));
}
