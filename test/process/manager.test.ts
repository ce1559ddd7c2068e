import { describe, expect, it } from "bun:test";
import type { ManagedProcess } from "../../src/process/process.ts";
import { PYTHON } from "../support/programs.ts";
import { eventually, Scratch } from "../support/server.ts";
import { caught, Table } from "../support/table.ts";

const TERMINATION = {
	cause: "terminated",
	message: "ended by a test",
	force: false,
	grace: 60_000,
	mayKill: true,
} as const;

describe.skipIf(process.platform === "win32")("the table", () => {
	it("knows what it started, in the order of the starts", async () => {
		await using table = await Table.open();
		const first = await table.sleeper({ name: "first" });
		const second = await table.start("/bin/true");
		expect(table.manager.get(first.pid)).toBe(first);
		expect(table.manager.list()).toEqual([first, second]);
		expect(first.identity).toMatchObject({
			name: "first",
			command: "/bin/sleep",
			args: ["60"],
			agent: "test",
		});
		await second.ended;
		expect(table.manager.list()).toEqual([first, second]);
	});

	it.each([0, -1, 1, 2 ** 22 + 1, Number.NaN, 1.5])(
		"does not know %d",
		async (pid) => {
			await using table = await Table.open();
			expect(() => table.manager.get(pid)).toThrow(`Process ${pid} not found`);
		},
	);

	it("forgets the oldest ended processes past maxFinishedProcesses, never a running one", async () => {
		await using table = await Table.open({ maxFinishedProcesses: 2 });
		const running = await table.sleeper();
		const ended: ManagedProcess[] = [];
		for (let count = 0; count < 5; count++) {
			const process = await table.start("/bin/true");
			await process.ended;
			ended.push(process);
		}
		await eventually(
			() => (table.manager.list().length === 3 ? true : undefined),
			"three to be left",
		);
		expect(table.manager.list()).toEqual([running, ...ended.slice(3)]);
		const gone = ended[0]?.pid ?? 0;
		expect(() => table.manager.get(gone)).toThrow("not found");
	});

	it("does not forget an ended process whose child lives", async () => {
		await using table = await Table.open({ maxFinishedProcesses: 0 });
		const process = await table.start("/bin/sh", ["-c", "sleep 60 & exit 0"]);
		await process.ended;
		const other = await table.start("/bin/true");
		await other.ended;
		await eventually(
			() => (table.manager.list().includes(other) ? undefined : true),
			"the other to be forgotten",
		);
		expect(table.manager.get(process.pid)).toBe(process);
	});

	it("gives the place of an ended or failed process to the next", async () => {
		await using table = await Table.open({ maxConcurrentProcesses: 1 });
		using scratch = new Scratch();
		const broken = scratch.write("broken", "#!/no/such/interpreter\n", 0o755);
		for (let count = 0; count < 3; count++) {
			expect(await caught(table.start(broken))).toMatchObject({
				code: "SPAWN_FAILED",
			});
			const process = await table.sleeper();
			expect(await caught(table.sleeper())).toMatchObject({
				code: "CONCURRENT_LIMIT_EXCEEDED",
			});
			await table.manager.terminate(process, TERMINATION);
		}
		expect(table.manager.list()).toHaveLength(3);
	});

	it("never runs more than it may, however many ask at once", async () => {
		await using table = await Table.open({ maxConcurrentProcesses: 3 });
		const outcomes = await Promise.allSettled(
			Array.from({ length: 10 }, () => table.sleeper()),
		);
		const started = outcomes.filter(({ status }) => status === "fulfilled");
		expect(started).toHaveLength(3);
		expect(table.manager.list()).toHaveLength(3);
	});
});

describe.skipIf(process.platform === "win32")("ends", () => {
	it("by timeout take the whole tree, SIGTERM first", async () => {
		await using table = await Table.open();
		const process = await table.start("/bin/sh", ["-c", "sleep 60 & wait"], {
			timeout: 100,
		});
		await process.ended;
		expect(process.termination).toMatchObject({
			cause: "timeout",
			signal: "SIGTERM",
		});
		expect(process.state).toBe("crashed");
		await eventually(
			() => (process.tree.alive().length === 0 ? true : undefined),
			"the tree to be gone",
		);
	});

	it("by timeout come also to a program that ignores SIGTERM", async () => {
		await using table = await Table.open();
		const program =
			"import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)";
		const process = await table.start(PYTHON, ["-c", program], {
			timeout: 1500,
		});
		await process.ended;
		expect(process.termination).toMatchObject({
			cause: "timeout",
			signal: "SIGKILL",
		});
	});

	it("by lifetime come to every process", async () => {
		await using table = await Table.open({ maxProcessLifetime: 0.1 });
		const process = await table.sleeper();
		await process.ended;
		expect(process.termination?.cause).toBe("lifetime");
	});

	it("by the server's stop come to all, at once, and nothing starts any more", async () => {
		await using table = await Table.open();
		const processes = await Promise.all([1, 2, 3].map(() => table.sleeper()));
		const stopped = table.manager.stopAll();
		const late = await caught(table.sleeper());
		await stopped;
		expect(late).toMatchObject({ code: "SPAWN_FAILED" });
		for (const process of processes)
			expect(process.termination).toMatchObject({
				cause: "shutdown",
				signal: "SIGTERM",
			});
		expect(processes.map(({ state }) => state)).toEqual([
			"stopped",
			"stopped",
			"stopped",
		]);
	});

	it("are recorded, from the start on", async () => {
		await using table = await Table.open();
		const process = await table.sleeper();
		await table.manager.terminate(process, TERMINATION);
		await eventually(
			() => (table.resultsOf(process.pid).length === 3 ? true : undefined),
			"three records",
		);
		expect(table.resultsOf(process.pid).sort()).toEqual([
			"exit: terminated",
			"launch: started",
			"terminate: graceful",
		]);
	});

	it("still come when the audit log can't be written; starts do not", async () => {
		await using table = await Table.open();
		const process = await table.sleeper();
		table.broken = true;
		expect(await caught(table.sleeper())).toBeInstanceOf(Error);
		expect(table.manager.list()).toEqual([process]);
		await table.manager.terminate(process, TERMINATION);
		expect(process.termination?.cause).toBe("terminated");
	});
});

describe.skipIf(process.platform === "win32")("output capture", () => {
	it("is off where the policy says so, and refused when asked for", async () => {
		await using table = await Table.open({ allowOutputCapture: false });
		const process = await table.start("/bin/echo", ["lost"]);
		expect(process.captured).toBe(false);
		expect(await caught(table.sleeper({ captureOutput: true }))).toMatchObject({
			details: { violation: "output_not_allowed" },
		});
	});

	it("keeps no more than maxOutputBufferSize", async () => {
		await using table = await Table.open({ maxOutputBufferSize: 4096 });
		const process = await table.start("/bin/sh", [
			"-c",
			"yes | head -c 100000",
		]);
		await process.ended;
		expect(process.stdout).toMatchObject({ size: 4096, end: 100_000 });
	});
});
