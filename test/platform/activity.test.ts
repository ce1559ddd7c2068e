import { afterAll, beforeAll, describe, expect, it, spyOn } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Activity } from "../../src/platform/activity.ts";
import type { Cgroup, Cgroups } from "../../src/platform/cgroup.ts";
import { openCgroups } from "../../src/platform/linux-enclosure.ts";
import {
	allProcesses,
	type ProcStat,
	readStat,
} from "../../src/platform/procfs.ts";
import { openDescriptors } from "../support/descriptors.ts";
import type { Running } from "../support/managed.ts";
import { obedient, tell } from "../support/obedient.ts";
import { eventually } from "../support/server.ts";
import { WITH_CGROUPS } from "../support/ways.ts";

const membersOf = ({ launched: { pid } }: Running): ProcStat[] =>
	allProcesses().filter(({ session }) => session === pid);

/** Looks at the tree as often as it takes until nothing ran between two looks. */
const settled = (activity: Activity, look: () => void) =>
	eventually(() => {
		if (activity.isStill()) return true;
		look();
		return undefined;
	}, "the tree to be still");

describe.skipIf(process.platform !== "linux")("a tree in no group", () => {
	it("is still until any of its members runs", async () => {
		await using running = await obedient();
		const activity = new Activity(undefined, undefined);
		const look = () => activity.cover(membersOf(running), new Set());
		expect(activity.isStill()).toBe(false);
		await settled(activity, look);
		expect(activity.isStill()).toBe(true);
		await tell(running, "nothing");
		expect(activity.isStill()).toBe(false);
		look();
		await settled(activity, look);
		await tell(running, "fork");
		expect(activity.isStill()).toBe(false);
		look();
		await settled(activity, look);
		const child = membersOf(running).find(
			({ pid }) => pid !== running.launched.pid,
		);
		process.kill(child?.pid ?? 0, "SIGTERM");
		await eventually(
			() => (readStat(child?.pid ?? 0)?.state === "Z" ? true : undefined),
			"the child to end",
		);
		expect(activity.isStill()).toBe(false);
		activity.close();
	});

	it("is looked at again after ten minutes all the same, as its memory may be taken", async () => {
		await using running = await obedient();
		const activity = new Activity(undefined, undefined);
		const look = () => activity.cover(membersOf(running), new Set());
		let passed = 0;
		const real = performance.now.bind(performance);
		using _clock = spyOn(performance, "now").mockImplementation(
			() => real() + passed * 1000,
		);
		await settled(activity, look);
		for (let round = 0; round < 3; round++) {
			passed += 595;
			expect(activity.isStill()).toBe(true);
			passed += 5;
			expect(activity.isStill()).toBe(false);
			look();
			expect(activity.isStill()).toBe(true);
		}
		activity.close();
	});

	it("is never taken for still where it has threads, which are not counted", async () => {
		await using running = await obedient();
		const activity = new Activity(undefined, undefined);
		const look = () => activity.cover(membersOf(running), new Set());
		await settled(activity, look);
		await tell(running, "thread");
		expect(activity.isStill()).toBe(false);
		for (let round = 0; round < 5; round++) {
			look();
			await Bun.sleep(15);
			expect(activity.isStill()).toBe(false);
		}
		activity.close();
	});

	it("keeps one descriptor, and gives it back", async () => {
		await using running = await obedient();
		const before = openDescriptors().size;
		const activity = new Activity(undefined, undefined);
		for (let round = 0; round < 3; round++) {
			activity.cover(membersOf(running), new Set());
			expect(openDescriptors().size).toBe(before + 1);
		}
		activity.close();
		activity.close();
		expect(openDescriptors().size).toBe(before);
	});

	it("follows nobody who took a member's pid", async () => {
		await using running = await obedient();
		await using other = await obedient();
		const activity = new Activity(undefined, undefined);
		const [stat] = membersOf(running);
		const as = (pid: number): ProcStat[] => (stat ? [{ ...stat, pid }] : []);
		activity.cover(as(other.launched.pid), new Set());
		await other[Symbol.asyncDispose]();
		expect(activity.isStill()).toBe(false);
		await Bun.sleep(15);
		expect(activity.isStill()).toBe(false);
		// As where the same pid is a living member's again.
		await settled(activity, () =>
			activity.cover(as(running.launched.pid), new Set()),
		);
		activity.close();
	});
});

describe.skipIf(!WITH_CGROUPS.isAvailable)("a tree in a group", () => {
	let cgroups: Cgroups;
	beforeAll(() => {
		const opened = openCgroups();
		if ("reason" in opened) throw new Error(opened.reason);
		cgroups = opened;
	});
	afterAll(() => cgroups.remove());

	/** Puts a process, and what it starts from now on, into a group of its own. */
	function enclose({ launched: { pid } }: Running): Cgroup {
		const cgroup = cgroups.add();
		if (!cgroup) throw new Error("no group");
		writeFileSync(join(cgroup.directory, "cgroup.procs"), String(pid));
		return cgroup;
	}

	it("is still until anything in it runs, threads and strangers included", async () => {
		await using running = await obedient();
		await using other = await obedient();
		const cgroup = enclose(running);
		const elsewhere = enclose(other);
		const activity = new Activity(cgroup.directory, cgroups.activity);
		const look = () =>
			activity.cover(membersOf(running), new Set(cgroup.members()));
		for (const word of ["thread", "fork", "nothing"]) {
			await tell(running, word);
			expect(activity.isStill()).toBe(false);
			look();
			await settled(activity, look);
		}
		// Somebody of whom no look knows.
		writeFileSync(
			join(cgroup.directory, "cgroup.procs"),
			String(other.launched.pid),
		);
		await tell(other, "nothing");
		expect(activity.isStill()).toBe(false);
		expect(elsewhere.isPopulated).toBe(false);
		activity.close();
	});

	it("is not disturbed by who runs in another one", async () => {
		await using running = await obedient();
		await using other = await obedient();
		const cgroup = enclose(running);
		enclose(other);
		const activity = new Activity(cgroup.directory, cgroups.activity);
		await settled(activity, () =>
			activity.cover(membersOf(running), new Set(cgroup.members())),
		);
		await tell(other, "nothing");
		expect(activity.isStill()).toBe(true);
		activity.close();
	});

	it("is followed member by member once one of them has left the group", async () => {
		await using running = await obedient();
		const cgroup = enclose(running);
		const elsewhere = cgroups.add();
		const activity = new Activity(cgroup.directory, cgroups.activity);
		const look = () =>
			activity.cover(membersOf(running), new Set(cgroup.members()));
		await settled(activity, look);
		writeFileSync(
			join(elsewhere?.directory ?? "", "cgroup.procs"),
			String(running.launched.pid),
		);
		await tell(running, "nothing");
		look();
		await settled(activity, look);
		await tell(running, "again");
		expect(activity.isStill()).toBe(false);
		activity.close();
	});
});
