import { describe, expect, it } from "bun:test";
import { processTerminate } from "../../src/tools/terminate.ts";
import { callTool, succeeds } from "../support/call.ts";
import { PYTHON } from "../support/programs.ts";
import { eventually } from "../support/server.ts";
import { Table, textOf } from "../support/table.ts";

const IGNORES_TERM =
	'import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print("ready", flush=True); time.sleep(60)';

/** Starts a program that ignores SIGTERM, and waits until it does. */
async function stubborn(table: Table) {
	const process = await table.start(PYTHON, ["-c", IGNORES_TERM]);
	await eventually(
		() => (textOf(process).includes("ready") ? true : undefined),
		"it to be ready",
	);
	return process;
}

describe.skipIf(process.platform === "win32")("process_terminate", () => {
	it("says how it ended", async () => {
		await using table = await Table.open();
		const { pid } = await table.sleeper();
		expect(await succeeds(processTerminate, { pid }, table.manager)).toEqual({
			status: "success",
			pid,
			exitCode: 143,
			signal: "SIGTERM",
			terminationReason: "graceful",
			survivors: [],
		});
	});

	it("kills when its timeout is over, and at once with force", async () => {
		await using table = await Table.open();
		for (const input of [{ timeout: 50 }, { force: true }]) {
			const { pid } = await stubborn(table);
			expect(
				await succeeds(processTerminate, { pid, ...input }, table.manager),
			).toMatchObject({
				exitCode: 137,
				signal: "SIGKILL",
				terminationReason: "forced",
			});
		}
	});

	it("tells of a process that has ended already", async () => {
		await using table = await Table.open();
		const process = await table.start("/bin/true");
		await process.ended;
		const { body } = await callTool(
			processTerminate,
			{ pid: process.pid },
			table.manager,
		);
		expect(body).toMatchObject({
			code: "PROCESS_NOT_RUNNING",
			details: { pid: process.pid, exitCode: 0 },
		});
	});

	it("ends what an ended process left behind, and leaves its end as it was", async () => {
		await using table = await Table.open();
		const process = await table.start("/bin/sh", ["-c", "sleep 60 & exit 7"]);
		await process.ended;
		expect(
			await succeeds(processTerminate, { pid: process.pid }, table.manager),
		).toMatchObject({ exitCode: 7, terminationReason: "graceful" });
		expect(process.tree.alive()).toEqual([]);
		expect(process.termination?.cause).toBe("exited");
	});

	it.each([
		[{ allowProcessTermination: false }, {}, "allowProcessTermination"],
		[
			{ allowProcessTermination: false },
			{ force: true },
			"allowProcessTermination",
		],
		[
			{ allowForcedTermination: false },
			{ force: true },
			"allowForcedTermination",
		],
	])("is refused under %j with %j", async (config, input, key) => {
		await using table = await Table.open(config);
		const process = await table.sleeper();
		const { body } = await callTool(
			processTerminate,
			{ pid: process.pid, ...input },
			table.manager,
		);
		expect(body).toMatchObject({
			code: "SECURITY_VIOLATION",
			details: { violation: "termination_not_allowed", key },
		});
		expect(process.state).toBe("running");
		expect(process.tree.alive()).toEqual([process.pid]);
	});

	it("under allowForcedTermination: false ends what SIGTERM ends, and no more", async () => {
		await using table = await Table.open({ allowForcedTermination: false });
		const { pid } = await table.sleeper();
		expect(
			await succeeds(processTerminate, { pid }, table.manager),
		).toMatchObject({ terminationReason: "graceful" });
		const process = await stubborn(table);
		const { body } = await callTool(
			processTerminate,
			{ pid: process.pid, timeout: 50 },
			table.manager,
		);
		expect(body).toMatchObject({ code: "TERMINATION_FAILED" });
		expect(process.state).toBe("running");
	});

	it.each([{}, { pid: "1" }, { pid: 1.5 }, { pid: 5, timeout: -1 }])(
		"refuses %j",
		async (input) => {
			await using table = await Table.open();
			const { body } = await callTool(processTerminate, input, table.manager);
			expect(body).toMatchObject({ code: "INVALID_ARGUMENT" });
		},
	);
});
