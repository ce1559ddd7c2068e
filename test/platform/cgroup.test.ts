import { describe, expect, it } from "bun:test";
import {
	chmodSync,
	existsSync,
	mkdirSync,
	readdirSync,
	rmdirSync,
	writeFileSync,
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

const write = (group: string, file: string, text: string) =>
	writeFileSync(join(group, file), text);

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
			async [Symbol.asyncDispose]() {
				const { directory } = cgroups;
				await eventually(() => {
					if (existsSync(directory)) write(directory, "cgroup.kill", "1");
					cgroups.remove();
					return !existsSync(directory) || undefined;
				}, "its end");
			},
		};
	}

	it("holds what is started in it and all that this starts, and ends it in one step", async () => {
		await using opened = open();
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
		await using opened = open();
		const { cgroup } = opened;
		mkdirSync(join(cgroup.directory, "theirs/below"), { recursive: true });
		cgroup.remove();
		await isRemoved(cgroup);
	});

	it("is removed with hundreds of others, but for some that are kept", async () => {
		await using opened = open();
		const { cgroups, cgroup } = opened;
		const many = Array.from({ length: 300 }, () => cgroups.add() ?? cgroup);
		for (const each of many) {
			expect(each.cpuSeconds).toBe(0);
			each.remove();
		}
		const kept = () => many.filter(({ directory }) => existsSync(directory));
		await eventually(() => kept().length <= 32 || undefined, "their removal");
		expect(kept().length).toBeGreaterThan(16);
		expect(existsSync(cgroup.directory)).toBe(true);
	});

	const spend = (directory: string) =>
		Bun.spawnSync(
			["python3", "-c", "import time\nwhile time.process_time() < 0.1: pass"],
			{ cgroup: directory },
		);

	it("is the next tree's once its own has ended, which has nothing to do with it any more", async () => {
		await using opened = open();
		const { cgroups, cgroup } = opened;
		spend(cgroup.directory);
		expect(cgroup.cpuSeconds).toBeGreaterThanOrEqual(0.1);
		cgroup.remove();
		cgroup.remove();
		const next = cgroups.add();
		expect(next?.directory).toBe(cgroup.directory);
		expect(cgroups.add()?.directory).not.toBe(cgroup.directory);
		expect(next?.cpuSeconds).toBeLessThan(0.01);
		spend(next?.directory ?? "");
		expect(next?.cpuSeconds).toBeWithin(0.1, 0.2);
		const { pid } = Bun.spawn(["sleep", "60"], { cgroup: cgroup.directory });
		expect(next?.members()).toEqual([pid]);
		cgroup.kill();
		cgroup.freeze(true);
		expect(cgroup.members()).toEqual([]);
		expect(cgroup.cpuSeconds).toBeUndefined();
		expect([cgroup.isPopulated, cgroup.isEmpty]).toEqual([false, false]);
		expect(isAlive(pid)).toBe(true);
		expect(next?.isPopulated).toBe(true);
	});

	it.each([
		["that is frozen", (group: string) => write(group, "cgroup.freeze", "1")],
		["with folders in it", (group: string) => mkdirSync(join(group, "below"))],
		[
			"of another kind",
			(group: string) => write(group, "cgroup.type", "threaded"),
		],
		["that is gone", (group: string) => rmdirSync(group)],
	])("%s is nobody else's", async (_, change) => {
		await using opened = open();
		const { cgroups, cgroup } = opened;
		expect(cgroup.cpuSeconds).toBe(0);
		change(cgroup.directory);
		cgroup.remove();
		for (let count = 0; count < 3; count++)
			expect(cgroups.add()?.directory).not.toBe(cgroup.directory);
		await isRemoved(cgroup);
	});

	it("in which somebody is by now is nobody else's", async () => {
		await using opened = open();
		const { cgroups, cgroup } = opened;
		expect(cgroup.cpuSeconds).toBe(0);
		cgroup.remove();
		await using late = Bun.spawn(["sleep", "60"], {
			cgroup: cgroup.directory,
		});
		expect(cgroups.add()?.directory).not.toBe(cgroup.directory);
		late.kill("SIGKILL");
	});

	it("of its own is one that was nobody's, and will be nobody's", async () => {
		await using opened = open();
		const { cgroups, cgroup } = opened;
		expect(cgroup.cpuSeconds).toBe(0);
		cgroup.remove();
		const own = cgroups.addOwn();
		expect(own?.directory).not.toBe(cgroup.directory);
		expect(own?.cpuSeconds).toBe(0);
		own?.remove();
		expect(cgroups.add()?.directory).toBe(cgroup.directory);
		await isRemoved(own ?? cgroup);
	});

	it("is made before it is needed, and anew where somebody removed it", async () => {
		await using opened = open();
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

	it("that somebody removed has no members, and can be asked all the same", async () => {
		await using opened = open();
		const { cgroup } = opened;
		cgroup.remove();
		expect(cgroup.members()).toEqual([]);
		expect(() => cgroup.kill()).not.toThrow();
		expect(() => cgroup.remove()).not.toThrow();
	});

	it("is not made any more where starts in one have failed", async () => {
		await using opened = open();
		opened.cgroups.giveUp();
		expect(opened.cgroups.add()).toBeUndefined();
		expect(opened.cgroups.addOwn()).toBeUndefined();
	});
});
