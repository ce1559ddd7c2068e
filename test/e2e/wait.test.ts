import { describe, expect, it, setDefaultTimeout } from "bun:test";
import type { ConfigInput } from "../../src/config/schema.ts";
import { freePort } from "../support/port.ts";
import { fixture, PYTHON } from "../support/programs.ts";
import { TestServer } from "../support/server.ts";

setDefaultTimeout(60_000);

const CONFIG: ConfigInput = {
	allowedExecutables: ["cat", "true", "sleep", "seq", "head", PYTHON],
	argumentValidation: "literal",
	maxConcurrentProcesses: 50,
};

const python = (program: string) => ({
	executable: PYTHON,
	args: ["-uc", program],
});

const LISTENER = `
import socket, sys, time
s = socket.socket()
s.bind(("127.0.0.1", int(sys.argv[1])))
s.listen()
print(s.getsockname()[1])
time.sleep(60)`;

const listener = (port: number) => ({
	executable: PYTHON,
	args: ["-uc", LISTENER, String(port)],
});

describe("process_start with waitFor", () => {
	it("runs a command to its end in one call", async () => {
		await using server = await TestServer.start(CONFIG);
		const reply = await server.ok("process_start", {
			...python(
				"import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)",
			),
			waitFor: { exit: true },
		});
		expect(reply).toMatchObject({
			event: "exit",
			state: "crashed",
			exitCode: 3,
			stdout: "out\n",
			stderr: "err\n",
			cursor: "4.4",
			truncated: false,
		});
	});

	it("returns when a port of its tree listens, and runs on", async () => {
		await using server = await TestServer.start(CONFIG);
		const first = await server.ok("process_start", {
			...listener(0),
			waitFor: { pattern: "^\\d+$" },
		});
		const port = Number(first.match);
		// Another tree's port does not count, one that was open before does.
		const { pid } = await server.ok("process_start", {
			executable: "sleep",
			args: ["60"],
		});
		expect(
			await server.ok("process_wait", { pid, port, timeout: 300 }),
		).toMatchObject({ event: "timeout", state: "running" });
		expect(
			await server.ok("process_wait", { pid: first.pid, port }),
		).toMatchObject({ event: "port", state: "running" });
	});

	it("sees a port that opens while it waits, and not before", async () => {
		await using server = await TestServer.start(CONFIG);
		const port = freePort();
		const { pid } = await server.ok("process_start", {
			executable: PYTHON,
			args: ["-uc", `input()\n${LISTENER}`, String(port)],
		});
		const wait = server.ok("process_wait", { pid, port });
		expect(
			await server.ok("process_wait", { pid, port, timeout: 300 }),
		).toMatchObject({ event: "timeout" });
		await server.ok("process_send_stdin", { pid, data: "go\n" });
		expect(await wait).toMatchObject({ event: "port", state: "running" });
		const { ports } = await server.ok("process_get_status", { pid });
		expect(ports).toEqual([port]);
	});

	it("refuses a pattern that is none before it starts anything", async () => {
		await using server = await TestServer.start(CONFIG);
		for (const pattern of ["(", "(?=x)", "(a)\\1"])
			expect(
				await server.fails("process_start", {
					executable: "true",
					waitFor: { pattern },
				}),
			).toMatchObject({
				code: "INVALID_ARGUMENT",
				details: { field: "waitFor.pattern" },
			});
		expect((await server.ok("process_list")).processes).toEqual([]);
	});

	it("merges both streams in the order of their writes", async () => {
		await using server = await TestServer.start(CONFIG);
		const reply = await server.ok("process_start", {
			...python(
				"import os\nfor i in range(100): os.write(1 + i % 2, b'%d\\n' % i)",
			),
			mergeStderr: true,
			waitFor: { exit: true },
		});
		const lines = Array.from({ length: 100 }, (_, i) => `${i}\n`).join("");
		expect(reply).toMatchObject({
			stdout: lines,
			stderr: "",
			stderrMerged: true,
		});
	});
});

describe("process_wait", () => {
	it("goes from one match to the next by cursor, losing and repeating nothing", async () => {
		await using server = await TestServer.start(CONFIG);
		const { pid } = await server.ok("process_start", {
			...python("print('one a'); print('two'); print('one b'); print('end')"),
		});
		await server.waitForEnd(pid);
		const first = await server.ok("process_wait", { pid, pattern: "one" });
		expect(first).toMatchObject({ event: "pattern", stdout: "one a\n" });
		const { cursor } = first;
		const second = await server.ok("process_wait", {
			pid,
			pattern: "one",
			cursor,
		});
		expect(second).toMatchObject({ stdout: "two\none b\n", match: "one" });
		const rest = await server.ok("process_get_output", {
			pid,
			cursor: second.cursor,
		});
		expect(rest.stdout).toBe("end\n");
	});

	it("knows failure from success by what stands first", async () => {
		await using server = await TestServer.start(CONFIG);
		const { pid } = await server.ok("process_start", {
			executable: "cat",
			stdin: "an error, then ready\n",
		});
		expect(
			await server.ok("process_wait", {
				pid,
				pattern: "ready",
				failPattern: "error",
			}),
		).toMatchObject({ event: "failPattern", match: "error" });
	});

	it("finds a prompt without a newline, and a match that grows", async () => {
		await using server = await TestServer.start(CONFIG);
		const reply = await server.ok("process_start", {
			...python(
				"import sys,time\nsys.stdout.write('port 51'); sys.stdout.flush(); time.sleep(0.005); sys.stdout.write('73'); sys.stdout.flush(); time.sleep(60)",
			),
			waitFor: { pattern: "port \\d+$" },
		});
		expect(reply.match).toStartWith("port 51");
	});

	it("ends on silence, not while it is chatty", async () => {
		await using server = await TestServer.start(CONFIG);
		// Silence from the program's start on would be its interpreter's, too.
		const { pid } = await server.ok("process_start", {
			...python(
				"import time\nfor i in range(20): print(i); time.sleep(0.05)\ntime.sleep(60)",
			),
			waitFor: { pattern: "^0$" },
		});
		const reply = await server.ok("process_wait", { pid, idleMs: 700 });
		expect(reply).toMatchObject({ event: "idle", state: "running" });
		expect(reply.stdout).toEndWith("19\n");
	});

	it("does not wait for a grandchild that holds the pipe", async () => {
		await using server = await TestServer.start(CONFIG);
		const reply = await server.ok("process_start", {
			executable: PYTHON,
			args: [fixture("hold-output.py"), "60"],
			waitFor: { exit: true, timeout: 20_000 },
		});
		expect(reply.event).toBe("exit");
	});

	it("gives the newest output where it is too much, and says so", async () => {
		await using server = await TestServer.start({
			...CONFIG,
			maxResponseSize: 1000,
		});
		const reply = await server.ok("process_start", {
			executable: "seq",
			args: ["100000"],
			waitFor: { exit: true },
		});
		expect(reply.truncated).toBe(true);
		expect(reply.stdout).toEndWith("\n100000\n");
		expect(reply.stdout.length).toBeLessThanOrEqual(1000);
	});

	it("keeps answering while a hundred wait on one process, and ends them with it", async () => {
		await using server = await TestServer.start(CONFIG);
		const { pid } = await server.ok("process_start", { executable: "cat" });
		const waits = Array.from({ length: 100 }, (_, index) =>
			server.ok("process_wait", { pid, pattern: `^${index}$`, idleMs: 50_000 }),
		);
		await server.ok("process_send_stdin", { pid, data: "7\n42\n" });
		expect((await waits[42])?.match).toBe("42");
		await server.ok("process_terminate", { pid });
		const events = (await Promise.all(waits)).map(({ event }) => event);
		expect(events.filter((event) => event === "exit")).toHaveLength(98);
	});

	it.each(["(a+)+$", "(a|aa)+$", "(.*a){20}b"])(
		"is not held up by %s",
		async (pattern) => {
			await using server = await TestServer.start(CONFIG);
			const { pid } = await server.ok("process_start", {
				executable: PYTHON,
				args: ["-uc", "print('a' * 2000000 + '!')"],
			});
			const wait = server.ok("process_wait", { pid, pattern });
			await server.client.ping();
			expect((await wait).event).toBe("exit");
		},
	);

	it("reports progress to a client that asked for it", async () => {
		await using server = await TestServer.start(CONFIG);
		const news: (string | undefined)[] = [];
		await server.client.callTool(
			{
				name: "process_start",
				arguments: {
					...python("import time; print('step 1'); time.sleep(2.5)"),
					waitFor: { exit: true },
				},
			},
			undefined,
			{ onprogress: ({ message }) => news.push(message) },
		);
		expect(news.length).toBeGreaterThan(0);
		expect(news.at(-1)).toBe("step 1");
	});

	it("ends at once when the client cancels it, and leaves the server free", async () => {
		await using server = await TestServer.start(CONFIG);
		const { pid } = await server.ok("process_start", { executable: "cat" });
		const abort = new AbortController();
		const wait = server.client.callTool(
			{ name: "process_wait", arguments: { pid, pattern: "never" } },
			undefined,
			{ signal: abort.signal },
		);
		const failed = wait.then(
			() => false,
			() => true,
		);
		await server.client.ping();
		abort.abort();
		expect(await failed).toBe(true);
		// A wait that was left behind would hold up the server's end.
		await server.client.ping();
	});
});
