import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ConfigInput } from "../../src/config/schema.ts";
import { PYTHON } from "../support/programs.ts";
import { Scratch, TestServer } from "../support/server.ts";
import {
	screenOf,
	screenShows,
	startInTerminal,
	type,
	waitsFor,
} from "../support/terminal.ts";

setDefaultTimeout(120_000);

const CONFIG: ConfigInput = {
	allowedExecutables: [PYTHON, "cat", "vim"],
	argumentValidation: "literal",
};

/** Asks the terminal, each question once the one before was answered, and prints the answers. */
const ASK = `
import os, sys, tty
old = __import__("termios").tcgetattr(0)
tty.setraw(0)
got = []
for question, end in ((b"\\x1b[5;9H\\x1b[6n", b"R"), (b"\\x1b[c", b"c"), (b"\\x1b[5n", b"n"), (b"\\x1b[?1$p", b"y"), (b"\\x1b]11;?\\x07", b"\\\\")):
  os.write(1, question[:-1]); os.write(1, question[-1:])
  answer = b""
  while not answer.endswith(end): answer += os.read(0, 1)
  got.append(answer.decode())
__import__("termios").tcsetattr(0, 1, old)
print("\\r\\n" + ascii(got))`;

const ANSWERS = [
	"\x1b[5;9R",
	"\x1b[?1;2c",
	"\x1b[0n",
	"\x1b[?1;2$y",
	"\x1b]11;rgb:0000/0000/0000\x1b\\",
];

/** The longest time that a server takes to say that it is there while something goes on, in milliseconds. */
async function longestPing(
	server: TestServer,
	meanwhile: () => Promise<unknown>,
): Promise<number> {
	let isOver = false;
	const over = meanwhile().finally(() => {
		isOver = true;
	});
	let longest = 0;
	while (!isOver) {
		const start = performance.now();
		await server.client.ping();
		longest = Math.max(longest, performance.now() - start);
	}
	await over;
	return longest;
}

describe.skipIf(process.platform !== "linux")(
	"a terminal that is asked",
	() => {
		it.each([true, false])(
			"answers, which is nobody's input (allowStdinInput: %p)",
			async (allowStdinInput) => {
				await using server = await TestServer.start({
					...CONFIG,
					allowStdinInput,
				});
				const pid = await startInTerminal(server, PYTHON, ["-c", ASK]);
				await server.waitForEnd(pid);
				const { stdout } = await server.outputOf(pid);
				const got = stdout.split("\n").find((line) => line.startsWith("["));
				const list = (got ?? "")
					.replaceAll("'", '"')
					.replaceAll("\\x1b", "\\u001b");
				expect(JSON.parse(list)).toEqual(ANSWERS);
				const audit = readFileSync(join(server.folder, "audit.log"), "utf8");
				expect(audit).not.toContain('"operation":"stdin"');
			},
		);

		it("says nothing to a program that reads lines, but draws what it shows", async () => {
			using scratch = new Scratch();
			const path = scratch.write("asking", "\x1b[6n\x1b[cdone\n");
			await using server = await TestServer.start(CONFIG);
			const pid = await startInTerminal(server, "cat", [path, "-"]);
			await screenShows(server, pid, /^done$/m);
			await type(server, pid, "line\n");
			const { lines } = await screenShows(server, pid, /line\nline/);
			expect(lines).toEqual(["done", "line", "line"]);
			await server.ok("process_terminate", { pid, force: true });
		});

		it("gives no more to who asks a million times and doesn't read, and stays quick", async () => {
			await using server = await TestServer.start(CONFIG);
			const program = `
import os, tty, select
tty.setraw(0)
for _ in range(100): os.write(1, b"\\x1b[6n" * 10000)
os.write(1, b"asked")
open(os.environ["FIFO"]).read()
total = 0
while select.select([0], [], [], 1)[0]: total += len(os.read(0, 65536))
print("\\r\\nread", total, "\\r")`;
			using scratch = new Scratch();
			const fifo = join(scratch.path, "fifo");
			Bun.spawnSync(["mkfifo", fifo]);
			const pid = await startInTerminal(server, PYTHON, ["-c", program], {
				env: { FIFO: fifo },
			});
			await server.ok("process_wait", { pid, pattern: "asked" });
			const longest = await longestPing(server, () => screenOf(server, pid));
			expect(longest).toBeLessThan(2000);
			await Bun.write(Bun.file(fifo), "go");
			await server.waitForEnd(pid);
			const { stdout } = await server.outputOf(pid);
			const read = Number(/read (\d+)/.exec(stdout)?.[1]);
			expect(read).toBeGreaterThan(6);
			expect(read).toBeLessThan(200_000);
		});

		it.skipIf(!Bun.which("vim"))("lets vim edit a file", async () => {
			using scratch = new Scratch();
			const path = scratch.write("poem", "one\n");
			await using server = await TestServer.start(CONFIG);
			const vim = ["-u", "NONE", "-N", path];
			const pid = await startInTerminal(server, "vim", vim);
			await screenShows(server, pid, /^one$/m);
			await waitsFor(server, pid, "key");
			await type(server, pid, "otwo\u001b");
			await screenShows(server, pid, /^one\ntwo$/m);
			await type(server, pid, ":wq\n");
			expect(await server.waitForEnd(pid)).toMatchObject({ exitCode: 0 });
			expect(readFileSync(path, "utf8")).toBe("one\ntwo\n");
		});
	},
);

describe.skipIf(process.platform !== "linux")("a screen", () => {
	it("is drawn while the server answers others, whatever the program writes", async () => {
		await using server = await TestServer.start(CONFIG);
		const program = `
import os, time
os.write(1, b"\\x1b[2147483647S\\x1b[2147483647L" + b"\\x1b[31mhello \\x1b[5;5Hx\\x1b[2J" * 100000)
os.write(1, b"\\x1b[2J\\x1b[Hthe end")
time.sleep(600)`;
		const pid = await startInTerminal(server, PYTHON, ["-c", program]);
		await server.ok("process_wait", { pid, pattern: "the end" });
		const longest = await longestPing(server, () => screenOf(server, pid));
		expect(longest).toBeLessThan(2000);
		expect((await screenOf(server, pid)).lines).toEqual(["the end"]);
		await server.ok("process_terminate", { pid, force: true });
	});

	it("that takes too long to draw is drawn from its end", async () => {
		await using server = await TestServer.start(CONFIG);
		// Hours of work: every sequence draws over a million cells.
		const program = `
import os, time
for _ in range(100): os.write(1, b"\\x1b[2J" * 20000)
os.write(1, b"\\x1b[H\\x1b[2J" + b"." * 20000 + b"\\x1b[H\\x1b[JTHE END")
time.sleep(600)`;
		const pid = await startInTerminal(server, PYTHON, ["-c", program], {
			terminal: { cols: 1000, rows: 1000 },
		});
		await server.ok("process_wait", { pid, pattern: "THE END" });
		const screen = await screenOf(server, pid);
		expect(screen.lines[0]).toBe("THE END");
		expect(screen.missed).toBeGreaterThan(1_000_000);
		await server.ok("process_terminate", { pid, force: true });
	});

	it("costs no more for a terminal that was given thousands of sizes", async () => {
		await using server = await TestServer.start(CONFIG);
		const pid = await startInTerminal(server, "cat");
		await screenOf(server, pid);
		const sizes = [
			{ cols: 1000, rows: 1000 },
			{ cols: 1, rows: 1 },
		];
		for (let n = 0; n < 500; n++)
			await Promise.all(
				sizes.map((terminal) =>
					server.ok("process_send_stdin", { pid, terminal }),
				),
			);
		const longest = await longestPing(server, async () =>
			expect(await screenOf(server, pid)).toMatchObject({ cols: 1, rows: 1 }),
		);
		expect(longest).toBeLessThan(1000);
		await server.ok("process_terminate", { pid, force: true });
	});

	it("of an ended process is its last one, and no older one is given as such", async () => {
		await using server = await TestServer.start(CONFIG);
		const program = `
import os, time
os.write(1, b"\\x1b[31mhello \\x1b[5;5Hx\\r\\n" * 300000)
os.write(1, b"ready\\r\\n")
time.sleep(0.1)
os.write(1, b"the end")`;
		const pid = await startInTerminal(server, PYTHON, ["-c", program]);
		await server.ok("process_wait", { pid, pattern: "ready" });
		for (;;) {
			const ask = { pid, screen: true };
			const { state, screen } = await server.ok("process_get_output", ask);
			if (state === "running") continue;
			expect(screen.lines.join("\n")).toEndWith("the end");
			expect(await screenOf(server, pid)).toEqual(screen);
			break;
		}
	});
});
