import { describe, expect, it } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { LimitGroups } from "../../src/platform/cgroup-limits.ts";
import { Scratch } from "../support/server.ts";

/** Folders that look like hierarchies of version 1, as /proc/self tells of them. */
function version1(scratch: Scratch, controllers: readonly string[]) {
	for (const controller of controllers) {
		mkdirSync(join(scratch.path, controller, "mine"), { recursive: true });
		scratch.write(`${controller}/mine/cgroup.procs`, "");
	}
	return {
		mounts: controllers
			.map(
				(controller, index) =>
					`${30 + index} 22 0:25 / ${scratch.path}/${controller} rw - cgroup cgroup rw,${controller}`,
			)
			.join("\n"),
		membership: controllers
			.map((controller, index) => `${index + 1}:${controller}:/mine`)
			.join("\n"),
	};
}

/** A folder that looks like a group of version 2, with the files of a group below it. */
function version2(scratch: Scratch, files: readonly string[]) {
	const own = join(scratch.path, "mcp-process-1-abc");
	const group = join(own, "0");
	mkdirSync(group, { recursive: true });
	scratch.write("mcp-process-1-abc/cgroup.subtree_control", "");
	for (const file of files) scratch.write(`mcp-process-1-abc/0/${file}`, "");
	return { own, group };
}

const LIMITS = { maxCpuPercent: 50, maxMemoryMB: 100, maxProcesses: 10 };

describe("LimitGroups", () => {
	it("write what version 2 takes into the tree's own group", () => {
		using scratch = new Scratch();
		const { own, group } = version2(scratch, [
			"cpu.max",
			"memory.max",
			"pids.max",
		]);
		const { held } = LimitGroups.open(own, "", "").add(LIMITS, group);
		const read = (file: string) => readFileSync(join(group, file), "utf8");
		expect(read("cpu.max")).toBe("50000 100000");
		// A quarter and 64 MB above, so that nothing within the limit comes near.
		expect(read("memory.max")).toBe(String(189 * 2 ** 20));
		expect(read("pids.max")).toBe("660");
		expect([...held.keys()]).toEqual([
			"maxCpuPercent",
			"maxMemoryMB",
			"maxProcesses",
		]);
		expect(held.get("maxCpuPercent")).toBe("the kernel (control group)");
		expect(held.get("maxMemoryMB")).toContain("189 MB");
	});

	it("say of no limit that it is held whose file the kernel does not have", () => {
		using scratch = new Scratch();
		const { own, group } = version2(scratch, ["cpu.max"]);
		const { held } = LimitGroups.open(own, "", "").add(LIMITS, group);
		expect([...held.keys()]).toEqual(["maxCpuPercent"]);
		expect(existsSync(join(group, "memory.max"))).toBe(false);
	});

	it("hold nothing that is not asked for", () => {
		using scratch = new Scratch();
		const { own, group } = version2(scratch, ["cpu.max", "memory.max"]);
		const groups = LimitGroups.open(own, "", "");
		const { held } = groups.add({ maxCpuTime: 5 }, group);
		expect(held.size).toBe(0);
		expect(readFileSync(join(group, "cpu.max"), "utf8")).toBe("");
	});

	it("are of version 1 where version 2 has no controllers, each in its hierarchy", () => {
		using scratch = new Scratch();
		const { mounts, membership } = version1(scratch, ["memory"]);
		const groups = LimitGroups.open(undefined, mounts, membership);
		expect(groups.controllers).toEqual(["memory"]);
		const [name = ""] = readdirSync(join(scratch.path, "memory/mine")).filter(
			(entry) => entry.startsWith("mcp-process-"),
		);
		// The kernel makes a new group's files; here they are made for it.
		const group = join("memory/mine", name, "0");
		mkdirSync(join(scratch.path, group));
		const limit = scratch.write(join(group, "memory.limit_in_bytes"), "");
		const members = scratch.write(join(group, "cgroup.procs"), "");
		const control = scratch.write(
			join(group, "memory.oom_control"),
			"oom_kill_disable 0\nunder_oom 0\noom_kill 0\n",
		);
		const added = groups.add(LIMITS, undefined);
		expect([...added.held.keys()]).toEqual(["maxMemoryMB"]);
		expect(readFileSync(limit, "utf8")).toBe(String(189 * 2 ** 20));
		added.joining()([4711]);
		expect(readFileSync(members, "utf8")).toBe("4711");
		expect(added.wasOutOfMemory()).toBe(false);
		scratch.write(
			join(group, "memory.oom_control"),
			readFileSync(control, "utf8").replace("oom_kill 0", "oom_kill 2"),
		);
		expect(added.wasOutOfMemory()).toBe(true);
	});

	it("hold nothing where there are none, and can be asked all the same", () => {
		const groups = LimitGroups.open(undefined, "", "");
		const group = groups.add(LIMITS, undefined);
		expect([groups.controllers, group.held.size]).toEqual([[], 0]);
		expect(group.wasOutOfMemory()).toBe(false);
		group.joining()([4711]);
		group.remove();
		groups.remove();
	});

	describe.skipIf(!hasReal())("on this machine", () => {
		it("hold a process and what it starts, and leave nothing", async () => {
			const groups = LimitGroups.open(undefined);
			const group = groups.add(LIMITS, undefined);
			const child = Bun.spawn(["sh", "-c", "read go; sleep 60 & wait"], {
				stdin: "pipe",
			});
			try {
				group.joining()([child.pid]);
				child.stdin.write("go\n");
				child.stdin.flush();
				for (const controller of groups.controllers) {
					const line = new RegExp(
						`^\\d+:${controller}:(.*/mcp-process-.*)$`,
						"m",
					);
					const membership = () =>
						line.exec(readFileSync(`/proc/${child.pid}/cgroup`, "utf8"))?.[1];
					expect(membership()).toEndWith("/0");
				}
			} finally {
				process.kill(child.pid, "SIGKILL");
				await child.exited;
				group.remove();
				groups.remove();
			}
		});
	});
});

/** Whether version 1's controllers are mounted here and this user's. */
function hasReal(): boolean {
	if (process.platform !== "linux") return false;
	const groups = LimitGroups.open(undefined);
	groups.remove();
	return groups.controllers.length === 3;
}
