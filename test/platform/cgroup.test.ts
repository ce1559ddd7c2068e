import { describe, expect, it } from "bun:test";
import {
	chmodSync,
	existsSync,
	mkdirSync,
	readdirSync,
	rmdirSync,
} from "node:fs";
import { join } from "node:path";
import { Cgroups } from "../../src/platform/cgroup.ts";
import { findCgroupHome } from "../../src/platform/cgroup-mounts.ts";
import { openCgroups } from "../../src/platform/linux-enclosure.ts";
import { eventually, isAlive, Scratch } from "../support/server.ts";

const ROOT = process.getuid?.() === 0;

/** A folder that looks like a mounted cgroup. */
function fakeMount(scratch: Scratch, path: string): string {
	const directory = join(scratch.path, path);
	mkdirSync(directory, { recursive: true });
	scratch.write(join(path, "cgroup.procs"), "");
	return directory;
}

const mounted = (at: string) =>
	[
		"22 1 0:20 / /proc rw - proc proc rw",
		"30 22 0:25 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids",
		`31 22 0:26 / ${at} rw,relatime shared:9 - cgroup2 cgroup2 rw`,
		"",
	].join("\n");

describe("findCgroupHome", () => {
	it("is the group that this process is in, below the mount of version 2", () => {
		using scratch = new Scratch();
		const home = fakeMount(scratch, "user.slice/app.scope");
		expect(
			findCgroupHome(
				"v2",
				mounted(scratch.path),
				"9:pids:/elsewhere\n0::/user.slice/app.scope\n",
			),
		).toEqual({ directory: home });
	});

	it("reads the escapes of mount points", () => {
		using scratch = new Scratch();
		const home = fakeMount(scratch, "a b");
		expect(
			findCgroupHome("v2", mounted(`${scratch.path}/a\\040b`), "0::/\n"),
		).toEqual({ directory: home });
	});

	it("is none where only version 1 is mounted", () => {
		const [proc = "", v1 = ""] = mounted("/x").split("\n");
		expect(findCgroupHome("v2", `${proc}\n${v1}\n`, "0::/\n")).toEqual({
			reason: "no cgroup version 2 is mounted",
		});
	});

	it.each([
		["only of version 1", "9:pids:/a\n"],
		["outside of what it can see", "0::/../../other\n"],
	])("is none for a process whose groups are %s", (_, membership) => {
		using scratch = new Scratch();
		fakeMount(scratch, ".");
		expect(findCgroupHome("v2", mounted(scratch.path), membership)).toEqual({
			reason: "this process is in no cgroup that it can see",
		});
	});

	it.skipIf(ROOT)("is none where the group is another user's", () => {
		using scratch = new Scratch();
		const home = fakeMount(scratch, "a");
		chmodSync(join(home, "cgroup.procs"), 0o444);
		expect(
			findCgroupHome("v2", mounted(scratch.path), "0::/a\n"),
		).toMatchObject({
			reason: expect.stringContaining("is not this user's"),
		});
	});

	it("is none where the group is gone", () => {
		using scratch = new Scratch();
		expect(
			findCgroupHome("v2", mounted(scratch.path), "0::/gone\n"),
		).toMatchObject({
			reason: expect.stringContaining("/gone"),
		});
	});
});

describe("Cgroups", () => {
	it("are not made where the kernel can't end a group at once", () => {
		using scratch = new Scratch();
		expect(() => Cgroups.create(scratch.path)).toThrow("no cgroup.kill");
		expect(readdirSync(scratch.path)).toEqual([]);
	});
});

const real = process.platform === "linux" ? openCgroups() : undefined;
if (real instanceof Cgroups) real.remove();

describe.skipIf(!(real instanceof Cgroups))("a control group", () => {
	/** The real thing, removed with the test. */
	function open() {
		const cgroups = openCgroups();
		if (!(cgroups instanceof Cgroups)) throw new Error(cgroups.reason);
		const cgroup = cgroups.add();
		if (!cgroup) throw new Error("no group");
		return {
			cgroups,
			cgroup,
			[Symbol.dispose]() {
				cgroup.kill();
				cgroups.remove();
			},
		};
	}

	it("holds what is started in it and all that this starts, and ends it in one step", async () => {
		using opened = open();
		const { cgroup, cgroups } = opened;
		const child = Bun.spawn(
			[
				"sh",
				"-c",
				"trap '' TERM; setsid sleep 60 & sleep 60 & echo $!; exec sleep 60",
			],
			{ cgroup: cgroup.directory, stdout: "pipe" },
		);
		const { value } = await child.stdout.getReader().read();
		await eventually(
			() => (cgroup.members().length === 3 ? true : undefined),
			"three members",
		);
		expect(cgroup.members()).toContain(Number(Buffer.from(value ?? [])));
		const members = cgroup.members();
		cgroup.kill();
		await child.exited;
		await eventually(
			() => (members.some(isAlive) ? undefined : true),
			"their end",
		);
		expect(cgroup.members()).toEqual([]);
		cgroup.remove();
		cgroups.remove();
		expect(existsSync(cgroups.directory)).toBe(false);
	});

	const isRemoved = ({ directory }: { readonly directory: string }) =>
		eventually(() => !existsSync(directory) || undefined, "its removal");

	it("is removed with what its members made below it", async () => {
		using opened = open();
		const { cgroup } = opened;
		mkdirSync(join(cgroup.directory, "theirs/below"), { recursive: true });
		cgroup.remove();
		await isRemoved(cgroup);
	});

	it("is removed with hundreds of others, and while others are made", async () => {
		using opened = open();
		const { cgroups, cgroup } = opened;
		const many = Array.from({ length: 300 }, () => cgroups.add());
		for (const each of many) each?.remove();
		cgroups.add();
		for (const each of many) await isRemoved(each ?? cgroup);
		expect(existsSync(cgroup.directory)).toBe(true);
	});

	it("is made before it is needed, and anew where somebody removed it", async () => {
		using opened = open();
		const { cgroups } = opened;
		const groups = () => readdirSync(cgroups.directory).filter(Number);
		await eventually(() => groups().length > 0 || undefined, "the next one");
		const [next = ""] = groups();
		expect(cgroups.add()?.directory).toBe(join(cgroups.directory, next));
		await eventually(() => groups().length > 1 || undefined, "one more");
		const spare = groups().find((name) => name !== next) ?? "";
		rmdirSync(join(cgroups.directory, spare));
		const last = cgroups.add();
		expect(existsSync(join(last?.directory ?? "", "cgroup.procs"))).toBe(true);
		cgroups.remove();
		expect(existsSync(cgroups.directory)).toBe(false);
	});

	it("that somebody removed has no members, and can be asked all the same", () => {
		using opened = open();
		const { cgroup } = opened;
		cgroup.remove();
		expect(cgroup.members()).toEqual([]);
		expect(() => cgroup.kill()).not.toThrow();
		expect(() => cgroup.remove()).not.toThrow();
	});

	it("is not made any more where starts in one have failed", () => {
		using opened = open();
		opened.cgroups.giveUp();
		expect(opened.cgroups.add()).toBeUndefined();
	});
});
