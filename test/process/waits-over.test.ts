import { describe, expect, it, setDefaultTimeout, spyOn } from "bun:test";
import type { ManagedProcess } from "../../src/process/process.ts";
import { StreamSearch } from "../../src/process/search.ts";
import { type WaitConditions, waitFor } from "../../src/process/wait.ts";
import { compileSearch } from "../../src/security/pattern.ts";
import { processGetOutput } from "../../src/tools/output.ts";
import { callTool } from "../support/call.ts";
import { eventually } from "../support/server.ts";
import { Table } from "../support/table.ts";
import { TimerCount } from "../support/timers.ts";

setDefaultTimeout(120_000);

/** Longer than anything here takes. */
const LONG = 100_000;
const COUNT = 300;
const from = { stdout: 0, stderr: 0 };

/** One of every kind. */
const KINDS: readonly Partial<WaitConditions>[] = [
	{ pattern: compileSearch("never") },
	{ failPattern: compileSearch("never") },
	{ port: 1 },
	{ idleMs: LONG },
	{},
];

/** Everybody who listens for something of a process. */
function listeners({ changed, stdout, stderr }: ManagedProcess): number {
	return changed.size + stdout.changed.size + stderr.changed.size;
}

function startWaits(
	process: ManagedProcess,
	signal: AbortSignal,
	timeout = LONG,
) {
	return Array.from({ length: COUNT }, (_, index) =>
		waitFor(process, { ...KINDS[index % KINDS.length], from, timeout }, signal),
	);
}

function startPolls(
	table: Table,
	{ pid }: ManagedProcess,
	signal: AbortSignal,
) {
	return Array.from({ length: COUNT }, (_, index) =>
		callTool(
			processGetOutput,
			{ pid, waitMs: LONG, ...(index % 2 && { pattern: "never" }) },
			table.manager,
			undefined,
			signal,
		),
	);
}

/** No timer is left but, for its last tick, that of a port or a pump. */
const timersBack = (timers: TimerCount, before: number) =>
	eventually(
		() => (timers.open <= before ? true : undefined),
		`timers to be ${before} again, not ${timers.open}`,
	);

describe.skipIf(process.platform === "win32")("waits", () => {
	it("that are cancelled end at once, and leave neither listener nor timer", async () => {
		using timers = new TimerCount();
		await using table = await Table.open();
		const process = await table.start("/bin/cat");
		const [before, timersBefore] = [listeners(process), timers.open];
		const abort = new AbortController();
		const waits = startWaits(process, abort.signal);
		const polls = startPolls(table, process, abort.signal);
		await eventually(
			() => (listeners(process) === before + 6 * COUNT ? true : undefined),
			"all to listen",
		);
		expect(timers.open).toBeGreaterThan(timersBefore + COUNT);
		abort.abort();
		for (const { event } of await Promise.all(waits))
			expect(event).toBe("timeout");
		for (const { body } of await Promise.all(polls))
			expect(body).toMatchObject({ stdout: "", state: "running" });
		expect(listeners(process)).toBe(before);
		await timersBack(timers, timersBefore);
	});

	it("whose process is ended end with it, and leave nothing either", async () => {
		using timers = new TimerCount();
		await using table = await Table.open();
		const before = timers.open;
		const process = await table.start("/bin/cat");
		const listening = listeners(process);
		const { signal } = new AbortController();
		const waits = startWaits(process, signal);
		const polls = startPolls(table, process, signal);
		await eventually(
			() => (listeners(process) > listening + COUNT ? true : undefined),
			"them to listen",
		);
		await table.manager.terminate(process, {
			cause: "terminated",
			message: "by a test",
			force: true,
			grace: 0,
			mayKill: true,
		});
		for (const { event } of await Promise.all(waits))
			expect(event).toBe("exit");
		for (const { body } of await Promise.all(polls))
			expect(body).toMatchObject({ state: "stopped" });
		expect(listeners(process)).toBe(listening);
		await timersBack(timers, before);
	});

	it("whose time is over leave nothing either", async () => {
		using timers = new TimerCount();
		await using table = await Table.open();
		const process = await table.start("/bin/cat");
		const [before, timersBefore] = [listeners(process), timers.open];
		const { signal } = new AbortController();
		for (const { event } of await Promise.all(startWaits(process, signal, 40)))
			expect(event).toBe("timeout");
		expect(listeners(process)).toBe(before);
		await timersBack(timers, timersBefore);
	});

	it("that were cancelled before they began do not begin", async () => {
		await using table = await Table.open();
		const process = await table.start("/bin/cat");
		const before = listeners(process);
		for (const wait of startWaits(process, AbortSignal.abort()))
			expect((await wait).event).toBe("timeout");
		expect(listeners(process)).toBe(before);
	});

	it("that are cancelled while they search look at nothing more", async () => {
		await using table = await Table.open();
		const process = await table.start("/usr/bin/head", [
			"-c",
			"4000000",
			"/dev/zero",
		]);
		await process.ended;
		const step = spyOn(StreamSearch.prototype, "step");
		try {
			const abort = new AbortController();
			const waits = startWaits(process, abort.signal);
			await eventually(
				() => (step.mock.calls.length > 0 ? true : undefined),
				"the search to begin",
			);
			abort.abort();
			const looks = step.mock.calls.length;
			await Promise.all(waits);
			expect(step.mock.calls.length).toBe(looks);
		} finally {
			step.mockRestore();
		}
	});
});
