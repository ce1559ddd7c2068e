import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { SinkInput } from "../../src/process/stdin.ts";
import { TerminalInput } from "../../src/process/terminal-input.ts";
import { settlesWithin } from "../../src/process/timer.ts";
import { processSendStdin } from "../../src/tools/io.ts";
import { callTool } from "../support/call.ts";
import { platform, python } from "../support/managed.ts";
import { fill, Pipe } from "../support/pipe.ts";
import { eventually } from "../support/server.ts";
import { Table, textOf } from "../support/table.ts";
import { TimerCount } from "../support/timers.ts";

setDefaultTimeout(60_000);

const FOREVER = Number.POSITIVE_INFINITY;
const encode = (text: string) => new TextEncoder().encode(text);

describe.skipIf(!platform.pipes)("a write to a pipe that is cancelled", () => {
	it("says exactly what was taken, and leaves the rest unwritten for ever", async () => {
		using pipe = new Pipe();
		const bytes = Uint8Array.from({ length: 2 ** 20 }, (_, i) => i % 251);
		const abort = new AbortController();
		const writing = pipe.input.write(bytes, FOREVER, abort.signal);
		// What a reader takes meanwhile is written, too.
		const parts = [pipe.take()];
		await eventually(() => {
			const part = pipe.take();
			parts.push(part);
			return part.length > 0 ? true : undefined;
		}, "the write to go on");
		abort.abort();
		const written = await writing;
		const next = pipe.input.write(encode("next"), FOREVER);
		parts.push(pipe.take());
		expect(await next).toBe(4);
		parts.push(pipe.take());
		expect(written).toBeLessThan(bytes.length);
		expect(
			Buffer.concat(parts).equals(
				Buffer.concat([bytes.subarray(0, written), encode("next")]),
			),
		).toBe(true);
	});

	it("is withdrawn from among others, which keep their order and counts", async () => {
		using pipe = new Pipe();
		const filled = await fill(pipe);
		const aborts = Array.from({ length: 200 }, () => new AbortController());
		const writes = aborts.map(({ signal }, index) =>
			pipe.input.write(encode(`<${index}>`), FOREVER, signal),
		);
		const ended = pipe.input.end();
		for (const [index, abort] of aborts.entries())
			if (index % 3 !== 0) abort.abort();
		expect((await pipe.all()).slice(filled)).toBe(
			aborts.map((_, i) => (i % 3 === 0 ? `<${i}>` : "")).join(""),
		);
		const taken = (index: number) =>
			index % 3 === 0 ? `<${index}>`.length : 0;
		expect(await Promise.all(writes)).toEqual(aborts.map((_, i) => taken(i)));
		await ended;
	});

	it("lets the input be ended, and leaves no timer", async () => {
		using timers = new TimerCount();
		using pipe = new Pipe();
		const filled = await fill(pipe);
		const abort = new AbortController();
		const writes = Array.from({ length: 300 }, () =>
			pipe.input.write(encode("x"), 60_000, abort.signal),
		);
		expect(timers.open).toBeGreaterThan(299);
		abort.abort();
		expect(await Promise.all(writes)).toEqual(writes.map(() => 0));
		await eventually(
			() => (timers.open === 0 ? true : undefined),
			"all timers to be over",
		);
		expect(await settlesWithin(pipe.input.end(), 10_000)).toBe(true);
		expect((await pipe.all()).length).toBe(filled);
	});

	it("before it began writes nothing", async () => {
		using pipe = new Pipe();
		const signal = AbortSignal.abort();
		expect(await pipe.input.write(encode("x"), FOREVER, signal)).toBe(0);
		expect(pipe.take().length).toBe(0);
	});
});

describe("typing that is cancelled", () => {
	it("stops after the piece that was typed, and goes on with the next call", async () => {
		const typed: Uint8Array[] = [];
		const input = new TerminalInput({
			type: (bytes) => void typed.push(bytes),
			isCanonical: () => true,
		});
		const abort = new AbortController();
		const first = input.write(encode("a".repeat(3000)), FOREVER, abort.signal);
		input.drained();
		abort.abort();
		expect(await first).toBe(2048);
		const next = input.write(encode("b"), FOREVER);
		input.drained();
		input.drained();
		expect(await next).toBe(1);
		expect(Buffer.concat(typed).toString()).toBe(`${"a".repeat(2048)}b`);
	});
});

describe.skipIf(process.platform === "win32")("a cancelled write", () => {
	it("to the runtime's own stream ends at once", async () => {
		const child = Bun.spawn(["/bin/sleep", "60"], { stdin: "pipe" });
		try {
			const input = new SinkInput(child.stdin);
			const abort = new AbortController();
			const bytes = new Uint8Array(4 * 2 ** 20);
			const writing = input.write(bytes, 60_000, abort.signal);
			expect(await settlesWithin(writing, 100)).toBe(false);
			abort.abort();
			expect(await settlesWithin(writing, 10_000)).toBe(true);
			expect(await input.write(bytes, 60_000, abort.signal)).toBe(0);
		} finally {
			child.kill("SIGKILL");
			await child.exited;
		}
	});
});

describe.skipIf(process.platform !== "linux")("process_send_stdin", () => {
	it("cancelled gives up the rest, which the record counts, and end with it", async () => {
		await using table = await Table.open();
		const process = await table.sleeper();
		const abort = new AbortController();
		const call = callTool(
			processSendStdin,
			{ pid: process.pid, data: "x".repeat(300_000), end: true },
			table.manager,
			undefined,
			abort.signal,
		);
		expect(await settlesWithin(call, 100)).toBe(false);
		abort.abort();
		const { body } = await call;
		const { bytesWritten, bytesRemaining } = body;
		expect(Number(bytesWritten)).toBeGreaterThan(0);
		expect(Number(bytesWritten) + Number(bytesRemaining)).toBe(300_000);
		expect(process.stdin?.closed).toBe(false);
		expect(
			table.events.filter(({ operation }) => operation === "stdin"),
		).toMatchObject([{ result: "partly written", bytes: bytesWritten }]);
	});

	it("cancelled leaves an input that can be used", async () => {
		await using reader = await python(
			`
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
print("ready", flush=True)
signal.sigwait([signal.SIGUSR1])
print(len(sys.stdin.read()), flush=True)`,
			{ input: true },
		);
		const { stdin, pid } = reader.process;
		await reader.says(/ready/);
		const abort = new AbortController();
		const first = stdin?.write(
			encode("x".repeat(300_000)),
			FOREVER,
			abort.signal,
		);
		abort.abort();
		const taken = Number(await first);
		const second = stdin?.write(encode("y".repeat(100)), FOREVER);
		void stdin?.end();
		process.kill(pid, "SIGUSR1");
		expect(await second).toBe(100);
		await reader.says(new RegExp(`^${taken + 100}$`, "m"));
	});
});

describe.skipIf(process.platform === "win32")("a closed input", () => {
	const reasonOf = async (table: Table, pid: number) => {
		const call = { pid, data: "x" };
		const { body } = await callTool(processSendStdin, call, table.manager);
		expect(body).toMatchObject({ code: "STDIN_NOT_AVAILABLE" });
		return Object(body.details).reason;
	};

	it("is told by whoever closed it: the call before, the process, its end, its start", async () => {
		await using table = await Table.open();
		const ended = await table.sleeper();
		const end = { pid: ended.pid, end: true };
		await callTool(processSendStdin, end, table.manager);
		const fed = await table.sleeper({ stdin: "x", closeStdin: true });
		const none = await table.sleeper({ closeStdin: true });
		const closing = await table.start("/bin/sh", [
			"-c",
			"exec <&-; echo closed; sleep 60",
		]);
		await eventually(
			() => (textOf(closing).includes("closed") ? true : undefined),
			"it to close its input",
		);
		const over = await table.start("/bin/true");
		await over.ended;
		// The second time is no other than the first.
		for (let count = 0; count < 2; count++) {
			for (const { pid } of [ended, fed])
				expect(await reasonOf(table, pid)).toBe(
					"its end was given before (end, or closeStdin)",
				);
			expect(await reasonOf(table, closing.pid)).toBe("the process closed it");
			expect(await reasonOf(table, over.pid)).toBe("the process has ended");
			expect(await reasonOf(table, none.pid)).toBe(
				"it was started with closeStdin",
			);
		}
	});

	it("is told of to a write that waits for room", async () => {
		await using table = await Table.open();
		const waiting = async (args: readonly string[]) => {
			const { pid } = await table.start("/bin/sh", ["-c", ...args]);
			const data = "x".repeat(300_000);
			const call = { pid, data };
			return callTool(processSendStdin, call, table.manager);
		};
		const { body: closed } = await waiting([
			"head -c 1000 >/dev/null; exec <&-; sleep 60",
		]);
		expect(closed).toMatchObject({
			code: "STDIN_NOT_AVAILABLE",
			details: { reason: "the process closed it" },
		});
		const { body: ended } = await waiting(["head -c 1000 >/dev/null"]);
		expect(ended).toMatchObject({
			code: "STDIN_NOT_AVAILABLE",
			details: { reason: "the process has ended" },
		});
		expect(Number(Object(ended.details).bytesWritten)).toBeGreaterThan(1000);
	});
});
