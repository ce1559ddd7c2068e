import { describe, expect, it, setDefaultTimeout } from "bun:test";
import type { ConfigInput } from "../../src/config/schema.ts";
import { TestServer } from "../support/server.ts";

setDefaultTimeout(60_000);

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
