import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ConfigInput } from "../../src/config/schema.ts";
import { memoryOf } from "../support/proc.ts";
import { eventually, TestServer } from "../support/server.ts";

setDefaultTimeout(120_000);

const BUFFER = 2 ** 20;
const CONFIG: ConfigInput = {
	allowedExecutables: [
		"cat",
		"grep",
		"head",
		"yes",
		"sleep",
		"sha256sum",
		"seq",
	],
	maxOutputBufferSize: BUFFER,
	maxConcurrentProcesses: 100,
};

/** Started in the pipeline, or added once they run. */
const WAYS = [["started with groupId"], ["added after their start"]] as const;
type Way = (typeof WAYS)[number][0];

async function pipelineOf(
	server: TestServer,
	way: Way,
	stages: readonly (readonly string[])[],
): Promise<{ groupId: string; pids: number[] }> {
	const { groupId } = await server.ok("process_create_group", {
		name: "line",
		pipeline: true,
	});
	const pids: number[] = [];
	const isLate = way === "added after their start";
	for (const [index, [executable, ...args]] of stages.entries()) {
		// What writes without end has to be held from its first byte on.
		const late = isLate && index > 0;
		const { pid } = await server.ok("process_start", {
			executable,
			args,
			...(!late && { groupId }),
		});
		pids.push(pid);
	}
	if (isLate)
		for (const pid of pids.slice(1))
			await server.ok("process_add_to_group", { groupId, pid });
	return { groupId, pids };
}

async function membersOf(server: TestServer, groupId: string) {
	const { groups } = await server.ok("process_list");
	return groups.find((group: { groupId: string }) => group.groupId === groupId)
		.members;
}

describe("a pipeline", () => {
	it("joins a file's cat, ended already, and grep", async () => {
		await using server = await TestServer.start(CONFIG);
		writeFileSync(join(server.folder, "data.txt"), "pear\napple\npearl\n");
		const { groupId } = await server.ok("process_create_group", {
			name: "search",
			pipeline: true,
		});
		const cat = await server.ok("process_start", {
			executable: "cat",
			args: ["data.txt"],
		});
		const grep = await server.ok("process_start", {
			executable: "grep",
			args: ["pear"],
		});
		await server.waitForEnd(cat.pid);
		for (const { pid } of [cat, grep])
			expect(
				await server.ok("process_add_to_group", { groupId, pid }),
			).toMatchObject({ groupId, pid });
		expect(await server.outputOf(grep.pid)).toEqual({
			stdout: "pear\npearl\n",
			stderr: "",
		});
		expect(await membersOf(server, groupId)).toMatchObject([
			{ pid: cat.pid, exitCode: 0, bytesPassed: 17, flow: "ended" },
			{ pid: grep.pid, exitCode: 0, flow: "waiting" },
		]);
	});

	it.each(WAYS)("of yes and head ends both, %s", async (way) => {
		await using server = await TestServer.start(CONFIG);
		const { groupId, pids } = await pipelineOf(server, way, [
			["yes"],
			["head", "-n", "1"],
		]);
		const [yes = 0, head = 0] = pids;
		expect(await server.outputOf(head)).toMatchObject({ stdout: "y\n" });
		expect(await server.waitForEnd(yes)).toMatchObject({
			termination: { signal: "SIGPIPE" },
		});
		expect(await membersOf(server, groupId)).toMatchObject([
			{ exitCode: 141, flow: "broken" },
			{ exitCode: 0 },
		]);
	});

	// What kernel pipes carry passes the server by; there less of it tells as much.
	it.each([
		[256, "started with groupId"],
		[1024, "added after their start"],
	] as const)("passes %i MB through three stages, %s", async (mb, way) => {
		await using server = await TestServer.start(CONFIG);
		const size = mb * 2 ** 20;
		const before = memoryOf(server.pid);
		const began = performance.now();
		const { groupId, pids } = await pipelineOf(server, way, [
			["head", "-c", String(size), "/dev/zero"],
			["cat"],
			["sha256sum"],
		]);
		let most = before;
		await eventually(
			async () => {
				most = Math.max(most, memoryOf(server.pid));
				const { state } = await server.ok("process_get_status", {
					pid: pids[2],
				});
				return state === "running" ? undefined : true;
			},
			"the hash",
			100_000,
		);
		const took = performance.now() - began;
		const shellBegan = performance.now();
		const shell = Bun.spawnSync([
			"sh",
			"-c",
			`head -c ${size} /dev/zero | cat | sha256sum`,
		]);
		const shellTook = performance.now() - shellBegan;
		console.log(
			`${mb} MB, ${way}: ${Math.round(took)} ms, a shell ${Math.round(shellTook)} ms; memory +${Math.round((most - before) / 2 ** 20)} MB`,
		);
		expect((await server.outputOf(pids[2] ?? 0)).stdout).toBe(
			shell.stdout.toString(),
		);
		const isPiped = way === "started with groupId";
		// The runtime's own heap grows by some megabytes while it is warming up.
		const warmth = 30 * 2 ** 20;
		expect(most - before).toBeLessThan(2 * BUFFER + 16 * 2 ** 20 + warmth);
		expect(took).toBeLessThan(shellTook * 10);
		const members = await membersOf(server, groupId);
		const flow = "ended";
		expect(members).toMatchObject([{ flow }, { flow }, { flow: "waiting" }]);
		for (const { bytesPassed } of members.slice(0, 2))
			expect(bytesPassed).toBe(isPiped ? undefined : size);
	});

	it("holds the first stage back until there is a second one", async () => {
		await using server = await TestServer.start(CONFIG);
		const { groupId } = await server.ok("process_create_group", {
			name: "held",
			pipeline: true,
		});
		const { pid } = await server.ok("process_start", {
			executable: "head",
			args: ["-c", "20000000", "/dev/zero"],
			groupId,
		});
		expect(await server.ok("process_get_output", { pid })).toMatchObject({
			state: "running",
			dropped: { stdout: 0 },
		});
		await eventually(async () => {
			const [{ flow }] = await membersOf(server, groupId);
			return flow === "held" || undefined;
		}, "it to be held");
		const hash = await server.ok("process_start", {
			executable: "sha256sum",
			groupId,
		});
		const expected = new Bun.CryptoHasher("sha256")
			.update(new Uint8Array(20_000_000))
			.digest("hex");
		expect((await server.outputOf(hash.pid)).stdout).toStartWith(expected);
	});

	it("gives a last stage's output by cursor without losing any", async () => {
		await using server = await TestServer.start(CONFIG);
		const { pids } = await pipelineOf(server, "started with groupId", [
			["seq", "400000"],
			["cat"],
		]);
		const { stdout } = await server.outputOf(pids[1] ?? 0);
		expect(stdout.length).toBe(2_688_895);
		expect(stdout).toEndWith("\n400000\n");
	});

	it("says what can't be joined", async () => {
		await using server = await TestServer.start(CONFIG);
		const { groupId } = await server.ok("process_create_group", {
			name: "a",
			pipeline: true,
		});
		const lost = await server.ok("process_start", {
			executable: "head",
			args: ["-c", "3000000", "/dev/zero"],
		});
		await server.waitForEnd(lost.pid);
		await server.ok("process_add_to_group", { groupId, pid: lost.pid });
		const cat = await server.ok("process_start", { executable: "cat" });
		expect(
			await server.fails("process_add_to_group", { groupId, pid: cat.pid }),
		).toMatchObject({ code: "PIPELINE_DATA_LOST" });
		expect(
			await server.fails("process_start", { executable: "cat", groupId }),
		).toMatchObject({ code: "PIPELINE_DATA_LOST" });
		expect(
			await server.fails("process_add_to_group", { groupId, pid: lost.pid }),
		).toMatchObject({ code: "INVALID_ARGUMENT", details: { field: "pid" } });
		expect(
			await server.fails("process_add_to_group", {
				groupId: "none",
				pid: cat.pid,
			}),
		).toMatchObject({ code: "GROUP_NOT_FOUND" });
	});

	it("is refused by allowStdinInput: false", async () => {
		await using server = await TestServer.start({
			...CONFIG,
			allowStdinInput: false,
		});
		expect(
			await server.fails("process_create_group", { name: "a", pipeline: true }),
		).toMatchObject({ details: { violation: "stdin_not_allowed" } });
	});

	it("is cut by blockBinaryStdin where bytes are no text", async () => {
		await using server = await TestServer.start({
			...CONFIG,
			blockBinaryStdin: true,
		});
		const { groupId, pids } = await pipelineOf(server, "started with groupId", [
			["head", "-c", "100", "/dev/zero"],
			["cat"],
		]);
		expect(await server.outputOf(pids[1] ?? 0)).toMatchObject({ stdout: "" });
		expect(await membersOf(server, groupId)).toMatchObject([
			{ flow: "refused", bytesPassed: 0 },
			{ exitCode: 0 },
		]);
	});

	it("ends a pipeline through which much passes", async () => {
		await using server = await TestServer.start(CONFIG);
		const { groupId, pids } = await pipelineOf(server, "started with groupId", [
			["yes"],
			["cat"],
			["sha256sum"],
		]);
		await eventually(async () => {
			const [{ bytesPassed }] = await membersOf(server, groupId);
			return bytesPassed > 10 * BUFFER || undefined;
		}, "much to have passed");
		expect(
			await server.ok("process_terminate_group", { groupId }),
		).toMatchObject({ terminatedPids: pids, survivors: [] });
	});
});
