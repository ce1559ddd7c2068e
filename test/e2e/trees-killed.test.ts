import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { randomInt } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { readStat } from "../../src/platform/procfs.ts";
import { AWKWARD_CONFIG } from "../support/awkward.ts";
import {
	cgroupsOf,
	guardsOf,
	isCgroup,
	limitFoldersOf,
	Mark,
} from "../support/marked.ts";
import { fixture, PYTHON } from "../support/programs.ts";
import { seeded } from "../support/random.ts";
import { RawServer } from "../support/raw.ts";
import { eventually, isAlive } from "../support/server.ts";
import { WAYS } from "../support/ways.ts";

setDefaultTimeout(60_000);

const TREES = 50;
/** How often a server is killed within the first milliseconds of a start. */
const STARTS = 15;
/** What may outlive the server, and what a busy machine may add to it. */
const BOUND = 1000;
const HEADROOM = 9000;

describe.each(WAYS)("$name, SIGKILL of the server", ({ name, wrapper }) => {
	it.each([
		["at once", 0, "stay"],
		["a while later", 2500, "stay"],
		["at once, after a parent's end", 0, "left"],
		["a while later, after a parent's end", 2500, "left"],
	])("%s ends fifty trees of four", async (when, delay, manner) => {
		await using server = await RawServer.start(AWKWARD_CONFIG, { wrapper });
		await using mark = new Mark();
		for (let count = 0; count < TREES; count++)
			await server.ok("process_start", {
				executable: PYTHON,
				args: [fixture("four.py"), mark.text, manner],
			});
		await eventually(
			() => mark.alive().length === TREES * 4 || undefined,
			"every tree to be there",
		);
		await Bun.sleep(delay);
		const guards = guardsOf(server.pid);
		expect(guards).toHaveLength(1);
		server.signal("SIGKILL");
		const { left, took } = await mark.outlives(BOUND + HEADROOM);
		console.log(
			`${name}, ${when}: ${took} ms of ${BOUND}, ${left.length} left`,
		);
		expect(left).toEqual([]);
		await eventually(
			() =>
				(!guards.some(isAlive) && cgroupsOf(server.pid).length === 0) ||
				undefined,
			"guard and control groups to be gone",
		);
	});

	const startDaemon = (server: RawServer, mark: Mark, id: string) =>
		server.send({
			jsonrpc: "2.0",
			id,
			method: "tools/call",
			params: {
				name: "process_start",
				arguments: {
					executable: "bash",
					args: [
						"-c",
						`setsid setsid sleep ${mark.text} <&- >&- 2>&- & exit 0`,
					],
				},
			},
		});

	it("in the middle of its first start leaves nothing", async () => {
		const seed = randomInt(2 ** 31);
		const random = seeded(seed);
		await using mark = new Mark();
		const groups: string[] = [];
		for (let round = 0; round < STARTS; round++) {
			await using server = await RawServer.start(AWKWARD_CONFIG, { wrapper });
			startDaemon(server, mark, "first");
			await Bun.sleep(random() * 30);
			server.signal("SIGKILL");
			await server.exited;
			await Bun.sleep(50);
			groups.push(...cgroupsOf(server.pid));
		}
		const { left } = await mark.outlives(BOUND + HEADROOM);
		console.log(`${name}, seed ${seed}: ${left.length} of ${STARTS} left`);
		expect(left).toEqual([]);
		await eventually(
			() => groups.filter(isCgroup).length === 0 || undefined,
			"control groups to be gone",
		);
	});

	it("right after its first start with limits leaves no control group", async () => {
		await using server = await RawServer.start(AWKWARD_CONFIG, { wrapper });
		await server.ok("process_start", {
			executable: "sleep",
			args: ["100"],
			resourceLimits: { maxCpuPercent: 50, maxMemoryMB: 500 },
		});
		server.signal("SIGKILL");
		await server.exited;
		await eventually(
			() => limitFoldersOf(server.pid).length === 0 || undefined,
			"control groups to be gone",
		);
	});

	it("ends a process whose main thread has ended before the others", async () => {
		await using server = await RawServer.start(AWKWARD_CONFIG, { wrapper });
		const { pid } = await server.ok("process_start", {
			executable: PYTHON,
			args: [fixture("headless.py")],
		});
		const stdout = await server.outputOf(pid, (text) => text.includes("\n"));
		const child = Number(/^pid (\d+)$/m.exec(stdout)?.[1]);
		await eventually(
			() => (readStat(child)?.state === "Z" ? true : undefined),
			"its main thread to end",
		);
		const threads = () =>
			existsSync(`/proc/${child}/task`)
				? readdirSync(`/proc/${child}/task`).filter(
						(each) => Number(each) !== child,
					).length
				: 0;
		expect(threads()).toBe(1);
		try {
			server.signal("SIGKILL");
			await eventually(
				() => (threads() === 0 ? true : undefined),
				"its other thread to end",
				BOUND + HEADROOM,
			);
		} finally {
			if (threads() > 0) process.kill(child, "SIGKILL");
		}
	});

	it("is not needed for what was being started when the input ended", async () => {
		await using server = await RawServer.start(AWKWARD_CONFIG, { wrapper });
		await using mark = new Mark();
		for (let count = 0; count < 50; count++)
			startDaemon(server, mark, `start-${count}`);
		server.endInput();
		expect(await server.waitForExit()).toEqual({ code: 0, signal: null });
		expect(mark.alive()).toEqual([]);
		expect(cgroupsOf(server.pid)).toEqual([]);
	});
});
