import { describe, expect, it } from "bun:test";
import { chmodSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { launch } from "../../src/process/launcher.ts";
import { admit } from "../support/gate.ts";
import { platform, run, sh, textOf } from "../support/managed.ts";
import { PYTHON } from "../support/programs.ts";
import { eventually, isAlive, Scratch } from "../support/server.ts";

const LINUX = process.platform === "linux";

/** Runs a program to its end and returns what it printed. */
async function outputOf(
	...args: Parameters<typeof run>
): Promise<{ readonly stdout: string; readonly exitCode: number }> {
	await using running = await run(...args);
	await running.process.ended;
	const exitCode = running.process.termination?.exitCode ?? -1;
	return { stdout: running.stdout, exitCode };
}

describe.skipIf(process.platform === "win32")("a launched process", () => {
	it("gets its arguments as they are", async () => {
		const args = ["", " ", "$(id)", "*", "a\nb", "'\"\\", "-n", "漢😀"];
		const { stdout } = await outputOf(PYTHON, [
			"-c",
			"import sys,json; print(json.dumps(sys.argv[1:]))",
			...args,
		]);
		expect(JSON.parse(stdout)).toEqual(args);
	});

	it("gets exactly the environment that was admitted", async () => {
		const admitted = await admit("/usr/bin/env", ["-0"], {
			env: { GREETING: "hello world", EMPTY: "" },
		}).catch(() => undefined);
		const request = admitted ?? (await admit(PYTHON));
		const { stdout } = await outputOf(
			PYTHON,
			[
				"-c",
				"import sys;sys.stdout.write(open('/proc/self/environ').read() if sys.platform=='linux' else '')",
			],
			{ env: { GREETING: "hello world", EMPTY: "" } },
		);
		if (LINUX) {
			const expected = Object.entries({
				...request.env,
				GREETING: "hello world",
				EMPTY: "",
			}).map(([name, value]) => `${name}=${value}`);
			expect(stdout.split("\0").filter(Boolean).sort()).toEqual(
				expected.sort(),
			);
		}
	});

	it("runs in the directory that was admitted", async () => {
		using scratch = new Scratch();
		const { stdout } = await outputOf("/bin/sh", ["-c", "pwd -P"], {
			cwd: scratch.path,
		});
		expect(basename(stdout.trim())).toBe(basename(scratch.path));
	});

	it.skipIf(!LINUX)(
		"is the leader of a session and group of its own",
		async () => {
			await using running = await sh("cat /proc/self/stat; sleep 60");
			const [, group, session] = await running.says(
				/\) \S (?:\d+) (\d+) (\d+) /,
			);
			expect(Number(group)).toBe(running.launched.pid);
			expect(Number(session)).toBe(running.launched.pid);
		},
	);

	it("is the real file, with the name as it was found for its argv[0]", async () => {
		using scratch = new Scratch();
		const { symlinkSync } = await import("node:fs");
		const link = join(scratch.path, "my-python");
		symlinkSync(PYTHON, link);
		await using running = await run(link, [
			"-c",
			"import sys; print(sys.orig_argv[0], flush=True); sys.stdin.read(); import time; time.sleep(60)",
		]);
		const [, name] = await running.says(/(.*)\n/);
		expect(name).toBe(link);
	});

	it("can open its outputs again by name", async () => {
		await using running = await sh(
			"echo one > /dev/stdout; echo two > /dev/stderr",
		);
		await running.process.ended;
		expect(running.stdout).toBe("one\n");
		expect(running.process.stderr.end).toBe(4);
	});

	it("reads the end of its input at once where it was given none", async () => {
		expect(await outputOf("/bin/cat", [], { input: false })).toEqual({
			stdout: "",
			exitCode: 0,
		});
	});

	it("has no streams here where its output is not captured", async () => {
		await using running = await sh("echo lost; exit 3", { capture: false });
		expect(running.launched.stdout).toBeUndefined();
		expect(running.launched.stderr).toBeUndefined();
		expect(running.launched.stdin).toBeUndefined();
		expect((await running.launched.exited).exitCode).toBe(3);
	});

	it.skipIf(!LINUX)(
		"inherits no descriptor but its three streams",
		async () => {
			await using bystander = await run("/bin/cat", [], { input: true });
			const { stdout } = await outputOf(
				PYTHON,
				["-c", "import os; print(sorted(os.listdir('/proc/self/fd')))"],
				{ input: true },
			);
			// The fourth is the listing itself.
			expect(stdout.trim()).toBe("['0', '1', '2', '3']");
			expect(bystander.process.state).toBe("running");
		},
	);

	it("tells the system's account of its end", async () => {
		const admitted = await admit("/bin/sh", ["-c", "kill -KILL $$"]);
		const launched = launch(
			admitted,
			{ capture: true, input: false },
			platform,
		);
		expect(await textOf(launched.stdout?.chunks)).toBe("");
		const exit = await launched.exited;
		expect(exit).toMatchObject({ exitCode: 137, signal: "SIGKILL" });
		expect(exit.peakMemoryBytes).toBeGreaterThan(10_000);
		launched.stdout?.close();
		launched.stderr?.close();
	});

	it.skipIf(!LINUX)("may end by a signal that has no name", async () => {
		await using running = await sh("kill -40 $$; sleep 60");
		const exit = await running.launched.exited;
		expect(exit).toMatchObject({ exitCode: 168, signal: "SIG40" });
	});

	it("counts the CPU time that it used", async () => {
		await using running = await run(PYTHON, ["-c", "sum(range(10**7))"]);
		const { cpuSeconds } = await running.launched.exited;
		expect(cpuSeconds).toBeGreaterThan(0.01);
		expect(cpuSeconds).toBeLessThan(30);
	});

	it("is what was checked: a name that is made to mean another file makes no difference", async () => {
		using scratch = new Scratch();
		const { symlinkSync } = await import("node:fs");
		const link = join(scratch.path, "tool");
		symlinkSync("/bin/echo", link);
		const admitted = await admit(link, ["checked"]);
		rmSync(link);
		symlinkSync("/bin/false", link);
		const launched = launch(
			admitted,
			{ capture: true, input: false },
			platform,
		);
		expect(await textOf(launched.stdout?.chunks)).toBe("checked\n");
		expect((await launched.exited).exitCode).toBe(0);
		launched.stdout?.close();
		launched.stderr?.close();
	});

	it("can be a script, found by its first line", async () => {
		using scratch = new Scratch();
		const script = scratch.write("tool", "#!/bin/sh\necho ran $1\n", 0o755);
		chmodSync(script, 0o755);
		expect(readFileSync(script, "utf8")).toStartWith("#!");
		expect(await outputOf(script, ["well"])).toEqual({
			stdout: "ran well\n",
			exitCode: 0,
		});
	});

	it.each([undefined, { cols: 80, rows: 24 }])(
		"does not run on where it can't be followed (terminal: %j)",
		async (terminal) => {
			const admitted = await admit("/bin/sleep", ["60"]);
			let pid = 0;
			const blind = Object.assign(Object.create(platform), {
				enclose: (limits: object) =>
					Object.assign(Object.create(platform.enclose(limits)), {
						track(leader: number) {
							pid = leader;
							throw new Error("out of descriptors");
						},
						abandon() {},
						spawn: { detached: true },
					}),
			});
			const options = { capture: true, input: true, terminal };
			expect(() => launch(admitted, options, blind)).toThrow(
				"out of descriptors",
			);
			admitted.release();
			expect(pid).toBeGreaterThan(0);
			try {
				await eventually(() => !isAlive(pid) || undefined, "its end");
			} finally {
				if (isAlive(pid)) process.kill(pid, "SIGKILL");
			}
		},
	);

	it("is not held up by one that nobody reads", async () => {
		await using loud = await run("/usr/bin/yes", [], { capacity: 1000 });
		await eventually(
			() => (loud.process.stdout.end > 2 ** 20 ? true : undefined),
			"a megabyte of output",
		);
		expect(await outputOf("/bin/echo", ["quick"])).toMatchObject({
			stdout: "quick\n",
		});
	});
});
