import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { PYTHON } from "../support/programs.ts";
import { Project } from "../support/project.ts";
import { RawServer } from "../support/raw.ts";
import {
	BINARY,
	eventually,
	isAlive,
	Scratch,
	TestServer,
} from "../support/server.ts";

setDefaultTimeout(60_000);

describe("the server", () => {
	it("is not held up by arguments that look like secrets", async () => {
		await using server = await TestServer.start({});
		const args = Array.from({ length: 40 }, () => ["--token", "*"]).flat();
		const start = performance.now();
		await server.fails("process_start", { executable: "*", args });
		await server.fails("process_start", {
			executable: "x",
			args: ["token=1 ".repeat(125_000)],
		});
		expect(performance.now() - start).toBeLessThan(5000);
	});

	it("is not held up by a lease on a file that it looks at", async () => {
		using project = new Project();
		const leased = project.write("leased", "#!/usr/bin/env node\n", 0o755);
		await using server = await TestServer.start({
			allowedExecutables: [PYTHON, `${project.path}/*`],
			argumentValidation: "literal",
		});
		const code = `
import fcntl, os, signal, time
signal.signal(signal.SIGIO, signal.SIG_IGN)
held = os.open(${JSON.stringify(leased)}, os.O_RDWR)
fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("ready", flush=True)
time.sleep(60)`;
		const { pid } = await server.ok("process_start", {
			executable: PYTHON,
			args: ["-c", code],
		});
		await server.waitForOutput(pid, "ready");
		const start = performance.now();
		const verdict = await server.ok("process_check_policy", {
			executable: leased,
		});
		// The kernel would keep a plain open waiting for 45 s (lease-break-time).
		expect(performance.now() - start).toBeLessThan(5000);
		// What can't be looked at is not let through.
		expect(verdict.allowed).toBe(false);
	});

	it("does not drown who lists processes in their arguments", async () => {
		await using server = await TestServer.start({
			allowedExecutables: ["true"],
			maxConcurrentProcesses: 100,
		});
		const args = Array.from({ length: 60 }, () => "A".repeat(30_000));
		for (let count = 0; count < 10; count++)
			await server.ok("process_start", { executable: "true", args });
		const list = await server.ok("process_list");
		expect(JSON.stringify(list).length).toBeLessThan(200_000);
		expect(list.processes[0].args.at(-1)).toBe("... (10 more)");
	});

	it("survives what is nested deeper than anybody reads, and answers it", async () => {
		await using server = await RawServer.start({});
		const deep = `${"[".repeat(50_000)}${"]".repeat(50_000)}`;
		for (const text of [
			`{"jsonrpc":"2.0","id":901,"method":"ping","x":${deep}}`,
			`{"jsonrpc":"2.0","id":902,"result":${deep}}`,
		])
			server.write(`${text}\n`);
		expect(await server.ok("process_list")).toMatchObject({ processes: [] });
	});

	it("is not blocked by a client that does not read its diagnostics", async () => {
		using scratch = new Scratch();
		const child = Bun.spawn([BINARY], {
			cwd: scratch.path,
			env: { PATH: process.env.PATH, HOME: scratch.path },
			stdio: ["pipe", "pipe", "pipe"],
		});
		try {
			const junk = `{"jsonrpc":"2.0","method":"x","y":"${"A".repeat(100_000)}"}\n`;
			for (let count = 0; count < 50; count++)
				child.stdin.write(`not json\n${junk.replace('"method"', '"result"')}`);
			child.stdin.write('{"jsonrpc":"2.0","id":7,"method":"ping"}\n');
			child.stdin.flush();
			let text = "";
			for await (const chunk of child.stdout) {
				text += Buffer.from(chunk).toString();
				if (text.includes('"id":7')) break;
			}
			expect(text).toContain('"id":7');
			child.kill("SIGTERM");
			await eventually(
				() => (isAlive(child.pid) ? undefined : true),
				"its end",
				6000,
			);
		} finally {
			child.kill("SIGKILL");
		}
	});

	it("lets no more in than the limits say, however answers come", async () => {
		const answers = Promise.withResolvers<"accept">();
		let asked = 0;
		await using server = await TestServer.start(
			{
				allowedExecutables: ["sleep"],
				requireConfirmation: true,
				maxConcurrentProcesses: 1,
			},
			{
				onAsk: () => {
					asked++;
					return answers.promise;
				},
			},
		);
		const calls = Array.from({ length: 10 }, () =>
			server.client.callTool({
				name: "process_start",
				arguments: { executable: "sleep", args: ["60"] },
			}),
		);
		await eventually(() => asked === 10 || undefined, "ten questions");
		answers.resolve("accept");
		const results = await Promise.all(calls);
		expect(results.filter(({ isError }) => !isError)).toHaveLength(1);
	});

	it("writes a forced sample beside a link, not through it", async () => {
		using project = new Project();
		const target = project.write("target", "mine");
		const link = project.link("policy.json", target);
		await Bun.spawn([BINARY, "--create-config", link, "--force"], {
			stdio: ["ignore", "ignore", "ignore"],
		}).exited;
		expect(await Bun.file(target).text()).toBe("mine");
		expect(await Bun.file(link).text()).toContain("allowedExecutables");
	});
});
