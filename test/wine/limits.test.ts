import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, Scratch } from "../support/server.ts";
import {
	endProcessesWith,
	FIXTURE,
	missing,
	runProgram,
	runScript,
	sharedServer,
	WineServer,
	windowsPath,
} from "./wine.ts";

setDefaultTimeout(120_000);

/** Starts the fixture with limits, and waits until they have ended it. */
async function breach(
	wine: WineServer,
	mode: string,
	resourceLimits: object,
): Promise<Record<string, unknown>> {
	const pid = await wine.launch(mode, { resourceLimits });
	const { state, termination } = await wine.server.waitForEnd(pid);
	expect(state).toBe("crashed");
	await wine.membersAre(0);
	return termination;
}

/** Milliseconds from the breach of a limit to the end, as the audit log has them. */
function timeToEnd({ server }: WineServer): number {
	const log = readFileSync(join(server.folder, "audit.log"), "utf8");
	const at = (operation: string) => {
		const line = log
			.split("\n")
			.findLast((each) => each.includes(`"operation":"${operation}"`));
		return Date.parse(JSON.parse(line ?? "{}").timestamp);
	};
	return at("exit") - at("limit");
}

describe.skipIf(missing !== undefined)("under Windows, a limit", () => {
	const shared = sharedServer();

	it("of memory ends a tree two seconds after it was asked to end", async () => {
		const wine = shared();
		expect(await breach(wine, "hog", { maxMemoryMB: 120 })).toMatchObject({
			cause: "memory_limit",
			exitCode: 137,
			message: expect.stringMatching(
				/^Memory limit exceeded: \d+\.\d MB > 120 MB/,
			),
		});
		const time = timeToEnd(wine);
		expect(time).toBeGreaterThan(1900);
		expect(time).toBeLessThan(20_000);
	});

	it("of memory ends a tree at once where enforcement is strict", async () => {
		await using wine = await WineServer.start({
			strictResourceEnforcement: true,
		});
		expect(await breach(wine, "hog", { maxMemoryMB: 120 })).toMatchObject({
			cause: "memory_limit",
			exitCode: 137,
		});
		expect(timeToEnd(wine)).toBeLessThan(1000);
	});

	it("of CPU time counts what a child uses", async () => {
		const wine = shared();
		expect(await breach(wine, "burn", { maxCpuTime: 1 })).toMatchObject({
			cause: "cpu_time_limit",
			message: expect.stringMatching(
				/^CPU time limit exceeded: \d+\.\d s > 1 s/,
			),
		});
	});

	it("of processes ends a tree that starts more", async () => {
		const wine = shared();
		expect(await breach(wine, "crowd", { maxProcesses: 5 })).toMatchObject({
			cause: "process_limit",
			message: expect.stringMatching(/^Process limit exceeded: \d+ > 5/),
		});
	});

	it("of processes leaves a tree alone that keeps to it", async () => {
		const wine = shared();
		const { server } = wine;
		const pid = await wine.launch("tree", {
			resourceLimits: { maxProcesses: 4 },
		});
		await server.waitForOutput(pid, "ready\n".repeat(4));
		// Ten looks.
		await Bun.sleep(1000);
		const { processCount, limits } = await server.ok("process_get_stats", {
			pid,
		});
		expect(processCount).toBe(4);
		expect(limits[0]).toMatchObject({
			name: "maxProcesses",
			limit: 4,
			used: 4,
			enforcedBy: "the server, which ends the tree",
		});
	});

	it("of CPU slows a tree down to its share, and it ends as others do", async () => {
		const wine = shared();
		const { server } = wine;
		const pid = await wine.launch("burn", {
			resourceLimits: { maxCpuPercent: 30 },
		});
		await server.waitForOutput(pid, "ready\n".repeat(2));
		const members = await wine.membersAre(2);
		const [before, at] = [cpuSeconds(members), performance.now()];
		await Bun.sleep(4000);
		const used = cpuSeconds(members) - before;
		const percent = (used * 1e5) / (performance.now() - at);
		// Unlimited it would be 100, or what a busy machine leaves of it.
		expect(percent).toBeLessThan(50);
		expect(percent).toBeGreaterThan(5);
		const { state, limits } = await server.ok("process_get_stats", { pid });
		expect(state).toBe("running");
		// Wine has no CPU rates.
		expect(limits[0]).toMatchObject({
			name: "maxCpuPercent",
			enforcedBy: "the server, which pauses the tree",
		});
		expect(
			await server.ok("process_terminate", { pid, timeout: 20_000 }),
		).toMatchObject({ terminationReason: "graceful", survivors: [] });
	});

	it("of CPU suspends a member once, and resumes it once", () => {
		const token = `token-${crypto.randomUUID()}`;
		const { stdout, stderr } = runScript("trees.ts", FIXTURE, token, "paused");
		try {
			const seen = JSON.parse(stdout);
			expect(seen.running, stderr).toBe(true);
			expect(seen.stopped).toBeLessThan(0.05);
			expect(seen.again).toBe(true);
			expect(seen).toMatchObject({
				isGone: true,
				enforcedBy: "the server, which pauses the tree",
			});
		} finally {
			endProcessesWith(token);
		}
	});

	it("of CPU ends the tree where enforcement is strict", async () => {
		await using wine = await WineServer.start({
			strictResourceEnforcement: true,
		});
		expect(await breach(wine, "burn", { maxCpuPercent: 20 })).toMatchObject({
			cause: "cpu_limit",
			exitCode: 137,
			message: expect.stringMatching(/^CPU limit exceeded: \d.* > 20 %$/),
		});
	});

	it("of descriptors is refused, as there is none", async () => {
		const maxFileDescriptors = 100;
		await using wine = await WineServer.start({
			defaultResourceLimits: { maxMemoryMB: 1000 },
		});
		expect(
			await wine.server.fails("process_start", {
				executable: FIXTURE,
				args: ["exit", "0"],
				resourceLimits: { maxFileDescriptors },
			}),
		).toMatchObject({
			code: "INVALID_ARGUMENT",
			details: { field: "resourceLimits.maxFileDescriptors" },
		});
		using scratch = new Scratch();
		const config = { defaultResourceLimits: { maxFileDescriptors } };
		const path = scratch.write("config.json", JSON.stringify(config));
		const ended = runProgram("check", "--config", windowsPath(path));
		expect(ended.exitCode).toBe(1);
		expect(ended.stderr).toContain(
			"defaultResourceLimits.maxFileDescriptors: can't be enforced on this machine",
		);
	});
});

describe.skipIf(missing !== undefined)("under Windows, figures", () => {
	it("don't go back when a child ends", async () => {
		await using wine = await WineServer.start();
		const { server } = wine;
		const pid = await wine.launch("employ", {
			resourceLimits: { maxCpuTime: 100 },
		});
		const stats = () => server.ok("process_get_stats", { pid });
		await wine.membersAre(2);
		const seen: number[] = [];
		const after = await eventually(
			async () => {
				const { cpuSeconds, processCount } = await stats();
				seen.push(cpuSeconds);
				return processCount === 1 && cpuSeconds > 0.5 ? cpuSeconds : undefined;
			},
			"the child to have worked and ended",
			60_000,
		);
		expect(seen).toEqual([...seen].sort((a, b) => a - b));
		// It used 1.5 s in its own code, but for what came after the last look at it.
		expect(after).toBeGreaterThan(1);
		expect(after).toBeLessThan(3);
		expect((await stats()).peakMemoryMB).toBeGreaterThan(0);
		await server.ok("process_terminate", { pid, force: true });
		expect((await stats()).cpuSeconds).toBeGreaterThanOrEqual(after);
	});
});

describe.skipIf(missing !== undefined)(
	"under Windows, mcp-process doctor",
	() => {
		it("says what holds processes to each limit", () => {
			const { stdout, stderr } = runProgram("doctor", "--json");
			const { guarantees } = JSON.parse(stdout);
			const held = Object.fromEntries(
				guarantees.flatMap(({ id, by }: Record<string, string>) =>
					id?.startsWith("limits.") ? [[id, by]] : [],
				),
			);
			expect(held, stderr).toEqual({
				"limits.maxCpuPercent": "server",
				"limits.maxMemoryMB": "server",
				"limits.maxFileDescriptors": "unavailable",
				"limits.maxCpuTime": "server",
				"limits.maxProcesses": "server",
			});
		});
	},
);

/** CPU that processes of Linux used, by its own count. */
function cpuSeconds(pids: readonly number[]): number {
	const ticks = pids.map((pid) => {
		const text = readFileSync(`/proc/${pid}/stat`, "utf8");
		const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
		return Number(fields[11]) + Number(fields[12]);
	});
	return ticks.reduce((sum, each) => sum + each, 0) / 100;
}
