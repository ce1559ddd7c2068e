import { describe, expect, it, setDefaultTimeout } from "bun:test";
import type { ConfigInput } from "../../src/config/schema.ts";
import { childrenOf } from "../../src/platform/procfs.ts";
import { fixture, PYTHON } from "../support/programs.ts";
import { isAlive, TestServer } from "../support/server.ts";

setDefaultTimeout(60_000);

const LINUX = process.platform === "linux";
const CONFIG: ConfigInput = { allowedExecutables: ["sleep"] };

describe("process_terminate_group", () => {
	it("ends ten processes, and lists only those that lived", async () => {
		await using server = await TestServer.start(CONFIG);
		const { groupId } = await server.ok("process_create_group", { name: "g" });
		const pids: number[] = [];
		for (let index = 0; index < 10; index++) {
			const { pid } = await server.ok("process_start", {
				executable: "sleep",
				args: ["60"],
				groupId,
			});
			pids.push(pid);
		}
		await server.ok("process_add_to_group", { groupId, pid: pids[0] });
		await server.ok("process_terminate", { pid: pids[0] });
		const began = performance.now();
		expect(
			await server.ok("process_terminate_group", { groupId }),
		).toMatchObject({ groupId, terminatedPids: pids.slice(1), survivors: [] });
		console.log(`nine sleeps: ${Math.round(performance.now() - began)} ms`);
		expect(
			await server.ok("process_terminate_group", { groupId }),
		).toMatchObject({ terminatedPids: [], survivors: [] });
	});

	it.skipIf(!LINUX)(
		"ends grandchildren that ignore SIGTERM, all members at once",
		async () => {
			await using server = await TestServer.start({
				allowedExecutables: [PYTHON, "sleep", "true"],
			});
			const { groupId } = await server.ok("process_create_group", {
				name: "stubborn",
			});
			const start = async (executable: string, args: readonly string[]) =>
				(await server.ok("process_start", { executable, args, groupId })).pid;
			const stubborn: number[] = [];
			for (let index = 0; index < 3; index++) {
				const pid = await start(PYTHON, [
					fixture("stubborn-children.py"),
					"3",
					"600",
				]);
				await server.waitForOutput(pid, "ready");
				stubborn.push(pid);
			}
			const docile = await start("sleep", ["600"]);
			const ended = await start("true", []);
			await server.waitForEnd(ended);
			const children = stubborn.flatMap((pid) => childrenOf(pid));
			expect(children).toHaveLength(9);
			const listed = await server.ok("process_list");
			expect(listed.groups).toMatchObject([
				{ groupId, name: "stubborn", pipeline: false },
			]);
			expect(listed.groups[0].members).toHaveLength(5);
			const result = await server.ok("process_terminate_group", {
				groupId,
				timeout: 500,
			});
			expect(result).toMatchObject({
				terminatedPids: [...stubborn, docile],
				survivors: [],
			});
			for (const pid of [...stubborn, docile, ...children])
				expect(isAlive(pid)).toBe(false);
			for (const pid of stubborn)
				expect(await server.ok("process_get_status", { pid })).toMatchObject({
					state: "stopped",
					termination: { cause: "terminated", signal: "SIGKILL" },
				});
		},
	);

	it.each([["allowGroupTermination"], ["allowProcessTermination"]])(
		"is refused by %s: false",
		async (key) => {
			await using server = await TestServer.start({ ...CONFIG, [key]: false });
			const { groupId } = await server.ok("process_create_group", {
				name: "g",
			});
			expect(
				await server.fails("process_terminate_group", { groupId }),
			).toMatchObject({
				details: { violation: "termination_not_allowed", key },
			});
		},
	);
});

describe("process_add_to_group", () => {
	it("starts nothing in a terminal where it is a pipeline", async () => {
		await using server = await TestServer.start(CONFIG);
		const group = { name: "p", pipeline: true };
		const { groupId } = await server.ok("process_create_group", group);
		const error = await server.fails("process_start", {
			executable: "sleep",
			args: ["60"],
			terminal: { cols: 80, rows: 24 },
			groupId,
		});
		expect(error).toMatchObject({
			code: "INVALID_ARGUMENT",
			details: { field: "terminal" },
		});
		expect((await server.ok("process_list")).processes).toEqual([]);
	});

	it("refuses a service's process", async () => {
		await using server = await TestServer.start(CONFIG);
		const { groupId } = await server.ok("process_create_group", { name: "g" });
		const { pid } = await server.ok("process_start_service", {
			name: "web",
			executable: "sleep",
			args: ["60"],
		});
		expect(
			await server.fails("process_add_to_group", { groupId, pid }),
		).toMatchObject({ code: "INVALID_ARGUMENT", details: { field: "pid" } });
	});
});
