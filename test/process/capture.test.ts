import { describe, expect, it } from "bun:test";
import type { Platform } from "../../src/platform/platform.ts";
import { wantsCapture } from "../../src/process/capture.ts";
import { ProcessManager } from "../../src/process/manager.ts";
import type { AuditEvent } from "../../src/security/audit-event.ts";
import { processStart } from "../../src/tools/launch.ts";
import { logTo } from "../support/audit.ts";
import { callTool } from "../support/call.ts";
import { makeParts } from "../support/gate.ts";
import { platform } from "../support/managed.ts";
import { Table } from "../support/table.ts";

/** This system, as if it had no kernel pipes to give. */
const withoutPipes = new Proxy(platform, {
	get(target, name) {
		if (name === "pipes") return undefined;
		const value: unknown = Reflect.get(target, name);
		return typeof value === "function" ? value.bind(target) : value;
	},
}) satisfies Platform;

describe("what of a process's output is captured", () => {
	const allowed = { allowOutputCapture: true };
	const forbidden = { allowOutputCapture: false };

	it.each([
		[allowed, undefined, true],
		[allowed, true, true],
		[allowed, false, false],
		[forbidden, undefined, false],
		[forbidden, false, false],
	])("is by %j and captureOutput %p: %p", (config, captureOutput, expected) => {
		expect(wantsCapture(config, platform, { captureOutput })).toBe(expected);
	});

	it("is nothing where it is not allowed, however much it is asked for", () => {
		expect(() =>
			wantsCapture(forbidden, platform, { captureOutput: true }),
		).toThrow("Output capture is not allowed");
	});
});

describe("mergeStderr", () => {
	const request = { executable: "/bin/true", mergeStderr: true };

	it("is refused on a system without kernel pipes, and nothing is started", async () => {
		const events: AuditEvent[] = [];
		const log = logTo((event) => void events.push(event));
		const { config, gate, audit } = await makeParts({}, log);
		const manager = new ProcessManager(config, gate, withoutPipes, audit);
		const { isError, body } = await callTool(processStart, request, manager);
		expect(isError).toBe(true);
		expect(body).toMatchObject({
			code: "INVALID_ARGUMENT",
			message: expect.stringContaining("mergeStderr"),
			details: { field: "mergeStderr" },
		});
		expect(manager.list()).toEqual([]);
		expect(
			events.map(({ operation, result }) => `${operation} ${result}`),
		).toEqual(["launch refused"]);
		// Without it there is nothing to be refused.
		expect(() =>
			wantsCapture({ allowOutputCapture: true }, withoutPipes, {
				mergeStderr: false,
			}),
		).not.toThrow();
		await manager.stopAll();
	});

	it.skipIf(!platform.pipes)("is taken where there are", async () => {
		await using table = await Table.open();
		const { isError } = await callTool(processStart, request, table.manager);
		expect(isError).toBe(false);
	});
});

describe.skipIf(process.platform === "win32")("process_start", () => {
	it("that is cancelled before it comes to it starts nothing, and keeps no place", async () => {
		await using table = await Table.open({ maxConcurrentProcesses: 1 });
		const call = { executable: "/bin/sleep", args: ["60"] };
		const cancelled = AbortSignal.abort();
		for (let count = 0; count < 3; count++) {
			const { body } = await callTool(
				processStart,
				call,
				table.manager,
				undefined,
				cancelled,
			);
			expect(body).toMatchObject({
				code: "SPAWN_FAILED",
				message: "The call was cancelled before the process was started",
			});
		}
		expect(table.manager.list()).toEqual([]);
		expect(
			table.events.map(({ operation, result }) => `${operation}: ${result}`),
		).toContain("launch: failed");
		const { isError } = await callTool(processStart, call, table.manager);
		expect(isError).toBe(false);
	});
});
