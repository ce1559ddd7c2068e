import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ConfigInput } from "../../src/config/schema.ts";
import { NODE, PYTHON } from "../support/programs.ts";
import { Scratch, TestServer } from "../support/server.ts";
import {
	screenOf,
	screenShows,
	startInTerminal,
	type,
	waitsFor,
} from "../support/terminal.ts";

setDefaultTimeout(60_000);

const CONFIG: ConfigInput = {
	allowedExecutables: [NODE, PYTHON, "cat", "git", "less"],
	argumentValidation: "literal",
};

describe.skipIf(process.platform === "win32")("in a terminal", () => {
	it("python3's REPL reads, prints and ends by Ctrl-D", async () => {
		await using server = await TestServer.start(CONFIG);
		const pid = await startInTerminal(server, PYTHON, ["-q"]);
		await screenShows(server, pid, />>>$/);
		await type(server, pid, "6 * 7\n");
		const { lines } = await screenShows(server, pid, /^42\n>>>$/m);
		expect(lines).toEqual([">>> 6 * 7", "42", ">>>"]);
		await type(server, pid, "while True: pass\n\n");
		await waitsFor(server, pid, undefined);
		await type(server, pid, "\u0003");
		await screenShows(server, pid, /KeyboardInterrupt/);
		await waitsFor(server, pid, "key");
		await server.ok("process_send_stdin", { pid, end: true });
		// Some versions end with 130 once they were interrupted.
		expect(await server.waitForEnd(pid)).toMatchObject({
			exitCode: expect.any(Number),
		});
		const { stdout, stderr } = await server.outputOf(pid);
		expect(stdout).toContain("\n42\n");
		expect(stderr).toBe("");
	});

	it("node -i reads, prints and ends by Ctrl-D", async () => {
		await using server = await TestServer.start(CONFIG);
		const pid = await startInTerminal(server, NODE, ["-i"]);
		await waitsFor(server, pid, "key");
		await type(server, pid, "[1, 2].map((x) => x * 21)\n");
		const { lines } = await screenShows(server, pid, /^\[ 21, 42 \]\n>$/m);
		expect(lines.slice(-3)).toEqual([
			"> [1, 2].map((x) => x * 21)",
			"[ 21, 42 ]",
			">",
		]);
		await server.ok("process_send_stdin", { pid, end: true });
		expect(await server.waitForEnd(pid)).toMatchObject({ exitCode: 0 });
		const { stdout } = await server.outputOf(pid);
		expect(stdout).toContain("\n[ 21, 42 ]\n");
		expect(stdout).not.toContain("\x1b");
	});

	it("a password is asked for, not shown, and not recorded", async () => {
		await using server = await TestServer.start(CONFIG);
		const program =
			"import getpass; p = getpass.getpass(); print('length', len(p))";
		const pid = await startInTerminal(server, PYTHON, ["-c", program]);
		await screenShows(server, pid, /^Password:/);
		await waitsFor(server, pid, "password");
		await type(server, pid, "tr0ub4dor\n");
		await server.waitForEnd(pid);
		const { stdout } = await server.outputOf(pid);
		expect(stdout).toBe("Password: \nlength 9\n");
		const audit = readFileSync(join(server.folder, "audit.log"), "utf8");
		expect(audit).not.toContain("tr0ub4dor");
		expect(audit).toMatch(/"operation":"stdin".*"bytes":10/);
	});

	it("git add -p asks for each change", async () => {
		using scratch = new Scratch();
		const git = (...args: string[]) =>
			Bun.spawnSync(
				["git", "-c", "user.name=t", "-c", "user.email=t@t", ...args],
				{
					cwd: scratch.path,
				},
			);
		scratch.write("poem", "one\ntwo\n");
		git("init", "-q");
		git("add", "poem");
		git("commit", "-qm", "first");
		scratch.write("poem", "one\ntwo\nthree\n");
		await using server = await TestServer.start(CONFIG);
		const pid = await startInTerminal(server, "git", ["add", "-p"], {
			cwd: scratch.path,
		});
		const { lines } = await screenShows(server, pid, /Stage this hunk/);
		expect(lines).toContain("+three");
		await waitsFor(server, pid, "line");
		await type(server, pid, "y\n");
		expect(await server.waitForEnd(pid)).toMatchObject({ exitCode: 0 });
		expect(git("diff", "--cached").stdout.toString()).toContain("+three");
		const { stdout } = await server.outputOf(pid);
		expect(stdout).toContain(" one\n two\n+three\n");
		expect(stdout).toMatch(/Stage this hunk \[.*\]\? y\n/);
		expect(stdout).not.toContain("\x1b");
	});

	it("git log shows itself in a pager", async () => {
		if (!Bun.which("less")) return;
		using scratch = new Scratch();
		const git = (...args: string[]) =>
			Bun.spawnSync(
				["git", "-c", "user.name=t", "-c", "user.email=t@t", ...args],
				{ cwd: scratch.path },
			);
		git("init", "-q");
		for (let n = 1; n <= 40; n++)
			git("commit", "-qm", `change ${n}`, "--allow-empty");
		await using server = await TestServer.start(CONFIG);
		const log = ["log", "--format=%s", "--color=always"];
		const pid = await startInTerminal(server, "git", log, {
			cwd: scratch.path,
		});
		const { lines } = await screenShows(server, pid, /^:$/m);
		expect(lines.slice(0, 23)).toEqual(
			Array.from({ length: 23 }, (_, n) => `change ${40 - n}`),
		);
		await waitsFor(server, pid, "key");
		await type(server, pid, "G");
		await screenShows(server, pid, /^change 1$/m);
		await waitsFor(server, pid, "key");
		await type(server, pid, "q");
		expect(await server.waitForEnd(pid)).toMatchObject({ exitCode: 0 });
		const { stdout } = await server.outputOf(pid);
		expect(stdout).toContain("change 40\nchange 39\n");
		expect(stdout).not.toContain("\x1b");
	});

	it("a pager shows a screenful, turns pages and gives the screen back", async () => {
		if (!Bun.which("less")) return;
		using scratch = new Scratch();
		const text = Array.from({ length: 100 }, (_, n) => `row ${n + 1}\n`);
		const path = scratch.write("book", text.join(""));
		await using server = await TestServer.start(CONFIG);
		const pid = await startInTerminal(server, "less", [path]);
		const first = await screenShows(server, pid, /book/);
		expect(first).toMatchObject({ alternate: true, rows: 24 });
		expect(first.lines.slice(0, 23)).toEqual(
			text.slice(0, 23).map((line) => line.trim()),
		);
		await waitsFor(server, pid, "key");
		await type(server, pid, " ");
		await screenShows(server, pid, /^row 46$/m);
		await server.ok("process_send_stdin", {
			pid,
			terminal: { cols: 40, rows: 10 },
		});
		await screenShows(server, pid, /^(row \d+\n){9}:$/);
		await waitsFor(server, pid, "key");
		await type(server, pid, "g");
		const small = await screenShows(server, pid, /^row 9$/m);
		expect(small).toMatchObject({ cols: 40, rows: 10 });
		expect(small.lines[0]).toBe("row 1");
		await type(server, pid, "q");
		await server.waitForEnd(pid);
		expect(await screenOf(server, pid)).toMatchObject({ alternate: false });
		const { stdout } = await server.outputOf(pid);
		expect(stdout).toContain("row 1\nrow 2\nrow 3\n");
		expect(stdout).not.toContain("\x1b");
	});

	it("a progress bar is one line of the screen", async () => {
		await using server = await TestServer.start(CONFIG);
		const program = `
import sys
for n in range(101): sys.stdout.write("\\r\\x1b[32m[%-10s]\\x1b[0m %3d%%" % ("#" * (n // 10), n))
print("\\nd\\u00f6ne \\U0001f600|")
`;
		const pid = await startInTerminal(server, PYTHON, ["-c", program]);
		await server.waitForEnd(pid);
		const screen = await screenOf(server, pid);
		expect(screen).toMatchObject({
			lines: ["[##########] 100%", "döne 😀|"],
			cursor: { row: 3, column: 1 },
			alternate: false,
			missed: 0,
		});
		const { stdout } = await server.outputOf(pid);
		expect(stdout).toBe("[##########] 100%\ndöne 😀|\n");
		const raw = { pid, stripAnsi: false };
		const written = await server.ok("process_get_output", raw);
		expect(written.stdout.split("\r")).toHaveLength(104);
	});

	it("a program sets the title and moves the cursor", async () => {
		await using server = await TestServer.start(CONFIG);
		const program =
			"print('\\x1b]0;my title\\x07\\x1b[5;7Hhere', end='', flush=True); input()";
		const pid = await startInTerminal(server, PYTHON, ["-c", program]);
		expect(await screenShows(server, pid, /here/)).toMatchObject({
			lines: ["", "", "", "", "      here"],
			cursor: { row: 5, column: 11 },
			title: "my title",
		});
		await server.ok("process_terminate", { pid, force: true });
	});
});
