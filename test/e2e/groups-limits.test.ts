import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { join } from "node:path";
import type { ConfigInput } from "../../src/config/schema.ts";
import { linesOf } from "../support/audit.ts";
import {
	type Action,
	eventually,
	isAlive,
	type Success,
	TestServer,
} from "../support/server.ts";

setDefaultTimeout(120_000);

const CONFIG: ConfigInput = {
	allowedExecutables: ["sleep", "true", "cat"],
	maxConcurrentProcesses: 200,
	maxLaunchesPerMinute: 1000,
};

/** Groups at one time. */
const MOST = 100;

async function makeGroup(server: TestServer, name: string): Promise<string> {
	return (await server.ok("process_create_group", { name })).groupId;
}

/** Starts a program in a group; returns its pid. */
async function startIn(
	server: TestServer,
	groupId: string,
	executable = "sleep",
): Promise<number> {
	const args = executable === "sleep" ? ["600"] : [];
	const start = { executable, args, groupId };
	return (await server.ok("process_start", start)).pid;
}

const groupIds = async (server: TestServer): Promise<string[]> =>
	(await server.ok("process_list")).groups.map(
		({ groupId }: Success) => groupId,
	);

describe.each([false, true])("a group (pipeline: %p)", (pipeline) => {
	it("lists no member that is forgotten", async () => {
		await using server = await TestServer.start({
			...CONFIG,
			maxFinishedProcesses: 1,
		});
		const group = { name: "g", pipeline };
		const { groupId } = await server.ok("process_create_group", group);
		const forgotten = await startIn(server, groupId, "true");
		await server.waitForEnd(forgotten);
		const members = async () =>
			(await server.ok("process_list")).groups[0].members;
		expect(await members()).toMatchObject([{ pid: forgotten }]);
		const { pid } = await server.ok("process_start", { executable: "true" });
		await eventually(async () => {
			const { processes } = await server.ok("process_list");
			return processes.length === 1 && processes[0].pid === pid
				? true
				: undefined;
		}, "the first one to be forgotten");
		expect(await members()).toEqual([]);
	});
});

describe("the hundredth and first group", () => {
	it("takes the place of the oldest one in which nothing runs", async () => {
		await using server = await TestServer.start(CONFIG);
		const ids: string[] = [];
		for (let count = 0; count < MOST; count++)
			ids.push(await makeGroup(server, `group ${count}`));
		const [first = "", second = "", third = "", ...rest] = ids;
		const running = await startIn(server, first);
		const ended = await startIn(server, second, "true");
		await server.waitForEnd(ended);
		const next = await makeGroup(server, "one more");
		expect(await groupIds(server)).toEqual([first, third, ...rest, next]);
		for (const [name, args] of [
			["process_start", { executable: "true", groupId: second }],
			["process_terminate_group", { groupId: second }],
			["process_add_to_group", { groupId: second, pid: running }],
		] as const)
			expect(await server.fails(name, args)).toMatchObject({
				code: "GROUP_NOT_FOUND",
				details: { groupId: second },
			});
		// Its member is as free as one that never was in a group.
		await server.ok("process_add_to_group", { groupId: next, pid: ended });
		expect(
			await server.ok("process_terminate_group", { groupId: first }),
		).toMatchObject({ terminatedPids: [running] });
		await makeGroup(server, "another one");
		expect((await groupIds(server)).slice(0, 2)).toEqual([
			third,
			rest[0] ?? "",
		]);
	});

	it("is refused where something runs in each of them, until one has ended", async () => {
		await using server = await TestServer.start(CONFIG);
		const ids: string[] = [];
		for (let count = 0; count < MOST; count++) {
			const id = await makeGroup(server, `group ${count}`);
			await startIn(server, id);
			ids.push(id);
		}
		expect(
			await server.fails("process_create_group", { name: "one too many" }),
		).toMatchObject({
			code: "CONCURRENT_LIMIT_EXCEEDED",
			details: { limit: MOST },
		});
		expect(await groupIds(server)).toEqual(ids);
		const [last = ""] = ids.slice(-1);
		await server.ok("process_terminate_group", { groupId: last, force: true });
		const next = await makeGroup(server, "one more");
		expect(await groupIds(server)).toEqual([...ids.slice(0, -1), next]);
	});
});

describe("requireTerminationConfirmation", () => {
	const ASKING = { ...CONFIG, requireTerminationConfirmation: true };

	it("ends a group only when the user approves, having seen every member that lives", async () => {
		const questions: string[] = [];
		const answers: Action[] = ["decline", "cancel", "accept"];
		await using server = await TestServer.start(ASKING, {
			onAsk: (question) => {
				questions.push(question);
				return answers[questions.length - 1] ?? "decline";
			},
		});
		const groupId = await makeGroup(server, "two \u001b[2Jof them");
		const pids = [
			await startIn(server, groupId),
			await startIn(server, groupId),
		];
		const ended = await startIn(server, groupId, "true");
		await server.waitForEnd(ended);
		for (const outcome of ["declined", "cancelled"]) {
			const end = { groupId, force: true };
			expect(await server.fails("process_terminate_group", end)).toMatchObject({
				code: "CONFIRMATION_DECLINED",
				details: { outcome },
			});
			expect(pids.filter(isAlive)).toEqual(pids);
		}
		const [question = ""] = questions;
		expect(question).toContain(groupId);
		for (const pid of pids) expect(question).toContain(String(pid));
		expect(question).toContain('"600"');
		expect(question).not.toContain(String(ended));
		expect(question).not.toContain("\u001b");
		const refused = linesOf(join(server.folder, "audit.log")).filter(
			({ operation, result }) => operation === "group" && result === "refused",
		);
		expect(refused).toHaveLength(2);
		expect(
			await server.ok("process_terminate_group", { groupId }),
		).toMatchObject({ terminatedPids: pids, survivors: [] });
		expect(pids.filter(isAlive)).toEqual([]);
		// Where nothing lives there is nothing to ask about.
		expect(
			await server.ok("process_terminate_group", { groupId }),
		).toMatchObject({ terminatedPids: [] });
		expect(questions).toHaveLength(3);
	});

	it("ends no group of a client that can't ask", async () => {
		await using server = await TestServer.start(ASKING);
		const groupId = await makeGroup(server, "safe");
		const pid = await startIn(server, groupId);
		expect(
			await server.fails("process_terminate_group", { groupId }),
		).toMatchObject({ code: "CONFIRMATION_UNAVAILABLE" });
		expect(isAlive(pid)).toBe(true);
	});

	it("lets nobody into a group while the user is asked about it", async () => {
		const asked = Promise.withResolvers<void>();
		const answer = Promise.withResolvers<Action>();
		await using server = await TestServer.start(ASKING, {
			onAsk: () => {
				asked.resolve();
				return answer.promise;
			},
		});
		const groupId = await makeGroup(server, "closing");
		const pid = await startIn(server, groupId);
		const other = (
			await server.ok("process_start", { executable: "sleep", args: ["600"] })
		).pid;
		const ending = server.ok("process_terminate_group", { groupId });
		await asked.promise;
		const start = { executable: "true", groupId };
		for (const [name, args] of [
			["process_start", start],
			["process_add_to_group", { groupId, pid: other }],
		] as const)
			expect(await server.fails(name, args)).toMatchObject({
				code: "INVALID_ARGUMENT",
				message: expect.stringContaining("is being terminated"),
			});
		answer.resolve("accept");
		expect(await ending).toMatchObject({ terminatedPids: [pid] });
		expect(isAlive(other)).toBe(true);
		await server.ok("process_start", start);
	});

	it("is given up with the call, and the group lives on", async () => {
		const asked = Promise.withResolvers<AbortSignal>();
		await using server = await TestServer.start(ASKING, {
			onAsk: (_, takenBack) => {
				asked.resolve(takenBack);
				return new Promise<Action>((resolve) => {
					takenBack.onabort = () => resolve("accept");
				});
			},
		});
		const groupId = await makeGroup(server, "kept");
		const pid = await startIn(server, groupId);
		const abort = new AbortController();
		const call = server.client.callTool(
			{ name: "process_terminate_group", arguments: { groupId } },
			undefined,
			{ signal: abort.signal },
		);
		const takenBack = await asked.promise;
		abort.abort();
		await expect(call).rejects.toThrow();
		await server.client.ping();
		expect(takenBack.aborted).toBe(true);
		// The group takes members again.
		await startIn(server, groupId, "cat");
		expect(isAlive(pid)).toBe(true);
	});
});
