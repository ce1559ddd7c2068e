import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { tools } from "../../src/tools/index.ts";
import { callTool } from "../support/call.ts";
import { Table } from "../support/table.ts";

let table: Table;
beforeAll(async () => {
	table = await Table.open();
});
afterAll(() => table[Symbol.asyncDispose]());

/** What a tool says of its input. */
async function complaint(name: string, input: object): Promise<string> {
	const tool = tools.find((each) => each.name === name);
	if (!tool) throw new Error(`no tool ${name}`);
	const { body } = await callTool(tool, input, table.manager);
	expect(body.code).toBe("INVALID_ARGUMENT");
	return String(body.message);
}

const START = { executable: "true" };
const SERVICE = { ...START, name: "s" };

describe("an unknown field", () => {
	it.each([
		["process_start", { command: "x" }, "command", "executable"],
		["process_start", { cmd: "x" }, "cmd", "executable"],
		["process_start", { ...START, arguments: [] }, "arguments", "args"],
		["process_start", { ...START, argz: [] }, "argz", "args"],
		["process_start", { ...START, workdir: "/" }, "workdir", "cwd"],
		[
			"process_start",
			{ ...START, workingDirectory: "/" },
			"workingDirectory",
			"cwd",
		],
		["process_start", { ...START, environment: {} }, "environment", "env"],
		["process_start", { ...START, timeout_ms: 5 }, "timeout_ms", "timeout"],
		["process_start", { ...START, timeoutMs: 5 }, "timeoutMs", "timeout"],
		["process_start", { ...START, waitfor: {} }, "waitfor", "waitFor"],
		[
			"process_start",
			{ ...START, waitFor: { regex: "x" } },
			"waitFor.regex",
			"pattern",
		],
		[
			"process_start",
			{ ...START, waitFor: { timeoutMs: 1 } },
			"waitFor.timeoutMs",
			"timeout",
		],
		[
			"process_start",
			{ ...START, resourceLimits: { memory: 1 } },
			"resourceLimits.memory",
			"maxMemoryMB",
		],
		[
			"process_start_service",
			{ ...SERVICE, restartPolicy: { retries: 1 } },
			"restartPolicy.retries",
			"maxRetries",
		],
		[
			"process_start_service",
			{ ...SERVICE, healthCheck: { url: "x" } },
			"healthCheck.url",
			"http",
		],
		[
			"process_start_service",
			{ ...SERVICE, healthCheck: { intervalMs: 1 } },
			"healthCheck.intervalMs",
			"interval",
		],
		["process_get_output", { pid: 1, lines: 5 }, "lines", "tailLines"],
		["process_get_output", { id: 1 }, "id", "pid"],
		["process_stop_service", { id: "x" }, "id", "serviceId"],
		["process_wait", { pid: 1, regex: "x" }, "regex", "pattern"],
	])(
		"of %s %j is told which one it may mean",
		async (tool, input, field, meant) => {
			expect(await complaint(tool, input)).toContain(
				`${field}: unknown key; did you mean "${meant}"?`,
			);
		},
	);

	it.each([
		["process_start", { ...START, shell: true }, "executable, args, cwd"],
		[
			"process_start",
			{ ...START, waitFor: { seconds: 1 } },
			"waitFor.seconds: unknown key; known are pattern, failPattern, port",
		],
		[
			"process_create_group",
			{ name: "x", command: "y" },
			"command: unknown key; known are name, pipeline",
		],
		[
			"process_get_stats",
			{ pid: 1, lines: 5 },
			"lines: unknown key; known are pid, serviceId, includeHistory",
		],
	])(
		"of %s %j that resembles none is told what there is",
		async (tool, input, told) => {
			const message = await complaint(tool, input);
			expect(message).toContain(told);
			expect(message).not.toContain("did you mean");
		},
	);

	it("is told what there is once", async () => {
		const message = await complaint("process_start", {
			...START,
			shell: true,
			zzz: 1,
		});
		expect(message.match(/known are/g)).toHaveLength(1);
		expect(message).toEndWith("; zzz: unknown key");
	});

	it("that names a service to end is sent to the tool that does so", async () => {
		expect(
			await complaint("process_terminate", { serviceId: "web" }),
		).toContain(
			"serviceId: unknown key; end a service with process_stop_service",
		);
		expect(
			await complaint("process_terminate", { pid: 1, constructor: 1 }),
		).toContain("constructor: unknown key; known are pid, force, timeout");
	});
});
