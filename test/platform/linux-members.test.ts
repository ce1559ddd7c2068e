import { describe, expect, it } from "bun:test";
import { Adoptions } from "../../src/platform/adoption.ts";
import { Members } from "../../src/platform/linux-members.ts";
import { readStat } from "../../src/platform/procfs.ts";
import { nextTurn } from "../../src/process/turns.ts";
import { killQuietly } from "../support/managed.ts";

describe.skipIf(process.platform !== "linux")("the members of a tree", () => {
	/** Of a leader that is a child of nobody's; it has been reaped unless it is registered. */
	function membersOf(leader: number, isOurs: boolean) {
		const adoptions = new Adoptions(
			() => false,
			() => undefined,
		);
		if (isOurs) adoptions.register(leader);
		return new Members(leader, {
			adoptions,
			tag: undefined,
			cgroup: undefined,
		});
	}

	it("have their leader met in the next turn, or by who asks before", async () => {
		const { pid } = process;
		const startTime = readStat(pid)?.startTime ?? 0;
		const asked = membersOf(pid, true);
		expect(asked.startTime).toBe(startTime);
		expect(asked.hasSeen(pid)).toBe(true);
		await using child = Bun.spawn(["sleep", "60"]);
		const members = membersOf(child.pid, true);
		await nextTurn();
		child.kill("SIGKILL");
		await child.exited;
		expect(members.startTime).toBeGreaterThanOrEqual(startTime);
		expect(members.startTime).toBeLessThan(Number.POSITIVE_INFINITY);
	});

	it("are looked at after their parents, at every look", async () => {
		await using child = Bun.spawn(
			["sh", "-c", "(sh -c 'sleep 60 & echo; wait' & wait) & wait"],
			{ stdout: "pipe" },
		);
		await child.stdout.getReader().read();
		const members = membersOf(child.pid, true);
		try {
			for (let looks = 0; looks < 5; looks++) {
				const seen = members.living("turn");
				const pids = seen.map(({ pid }) => pid);
				expect(seen.length).toBe(4);
				for (const { pid, parent } of seen.slice(1))
					expect(pids.indexOf(parent)).toBeLessThan(pids.indexOf(pid));
				expect(pids[0]).toBe(child.pid);
			}
		} finally {
			for (const { pid } of members.seen) killQuietly(pid);
		}
	});

	it.each([
		[31, []],
		[32, ["crowd", "crowd"]],
	])(
		"with %i children are said to be a crowd %j, also where none was listed before the looks",
		async (children, told) => {
			await using child = Bun.spawn(
				[
					"sh",
					"-c",
					`for _ in $(seq ${children}); do sleep 60 & done; echo; wait`,
				],
				{ stdout: "pipe" },
			);
			await child.stdout.getReader().read();
			const calls: string[] = [];
			const members = membersOf(child.pid, true);
			const look = (listed?: number[]) =>
				members.living("turn", listed, () => calls.push("crowd"));
			try {
				expect(look().length).toBe(children + 1);
				expect(look([child.pid]).length).toBe(children + 1);
				expect(calls).toEqual(told);
				look(new Array(33).fill(child.pid));
				expect(calls).toEqual([...told, "crowd"]);
			} finally {
				for (const { pid } of members.seen) killQuietly(pid);
			}
		},
	);

	it("are not those of a pid that may be another one's by now", () => {
		const members = membersOf(process.pid, false);
		expect(members.startTime).toBe(Number.POSITIVE_INFINITY);
		expect(members.known).toEqual([]);
		expect(members.living("turn")).toEqual([]);
	});
});
