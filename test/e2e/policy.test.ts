import { describe, expect, it } from "bun:test";
import { copyFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runIn } from "../support/command.ts";
import { BINARY, Scratch, TestServer } from "../support/server.ts";

describe("process_check_policy", () => {
	it("gives every layer's verdict and starts nothing", async () => {
		await using server = await TestServer.start({
			allowedExecutables: ["echo"],
		});
		const yes = await server.ok("process_check_policy", { executable: "echo" });
		expect(yes.allowed).toBe(true);
		expect(yes.resolved).toEndWith("/echo");
		const layers = yes.layers.map(({ layer }: { layer: string }) => layer);
		expect(layers).toEqual([
			...["resolve", "dangerous", "shell", "privilege", "allowlist"],
			...["arguments", "environment", "directory", "resources"],
			...["concurrency", "rate", "time", "confirmation"],
		]);
		const no = await server.ok("process_check_policy", {
			executable: "echo",
			args: ["$(x)"],
			cwd: "/no/such/place",
		});
		expect(no.allowed).toBe(false);
		const refused = no.layers.filter(
			({ verdict }: { verdict: string }) => verdict === "refuse",
		);
		expect(refused.map(({ layer }: { layer: string }) => layer)).toEqual([
			"arguments",
			"directory",
		]);
		expect((await server.ok("process_list")).processes).toEqual([]);
	});

	it.each([
		["asked", { onAsk: () => "decline" as const }, "ask"],
		["not asked, as the client can't", {}, "refuse"],
	] as const)(
		"says that the user is %s, whatever another layer says",
		async (_, client, verdict) => {
			await using server = await TestServer.start(
				{
					allowedExecutables: ["echo", "no-such-program"],
					requireConfirmation: true,
				},
				client,
			);
			for (const launch of [
				{ executable: "echo" },
				{ executable: "echo", cwd: "/no/such/place" },
				{ executable: "echo", env: { A: "$(x)" } },
				{ executable: "no-such-program" },
				{ executable: "ls" },
			]) {
				const { layers } = await server.ok("process_check_policy", launch);
				expect([launch, layers.at(-1)]).toMatchObject([
					launch,
					{ layer: "confirmation", verdict },
				]);
			}
		},
	);

	it("agrees with process_start", async () => {
		await using server = await TestServer.start({
			allowedExecutables: ["true", "env"],
		});
		const launches = [
			{ executable: "true" },
			{ executable: "false" },
			{ executable: "env", args: ["true"] },
			{ executable: "env", args: ["rm"] },
			{ executable: "sh" },
			{ executable: "true", args: ["a|b"] },
		];
		for (const launch of launches) {
			const { allowed } = await server.ok("process_check_policy", launch);
			if (allowed) await server.ok("process_start", launch);
			else await server.fails("process_start", launch);
		}
	});
});

describe("mcp-process explain", () => {
	const CONFIG = `{\n  // what may run\n  "allowedExecutables": [\n    "echo"\n  ]\n}\n`;

	it("says which line allows a launch, exit 0", async () => {
		using scratch = new Scratch();
		const config = scratch.write("policy.json", CONFIG);
		const result = await runIn(
			scratch.path,
			...["explain", "--config", config, "--", "echo", "--version"],
		);
		expect(result.stdout).toContain(`"echo" (${config}:4)`);
		expect(result.stdout).toEndWith("Allowed.\n");
		expect(result).toMatchObject({ code: 0, stderr: "" });
	});

	it("says which layer refuses it and which line to change, exit 1", async () => {
		using scratch = new Scratch();
		const config = scratch.write("policy.json", CONFIG);
		const result = await runIn(
			scratch.path,
			...["explain", "--config", config, "--cwd", "/", "--", "ls"],
		);
		expect(result.stdout).toContain('Refused by the layer "allowlist"');
		expect(result.stdout).toContain(`${config}:3`);
		expect(result.stdout.split("\n").length).toBeLessThan(24);
		expect(result.code).toBe(1);
	});

	it("needs a command behind --", async () => {
		using scratch = new Scratch();
		for (const args of [["explain"], ["explain", "ls"], ["explain", "--"]]) {
			const { code, stderr } = await runIn(scratch.path, ...args);
			expect(code).toBe(2);
			expect(stderr).toStartWith("mcp-process: ");
		}
	});
});

describe("mcp-process audit", () => {
	it("verifies and shows a server's log, and notices a change", async () => {
		await using server = await TestServer.start({
			allowedExecutables: ["echo"],
		});
		await server.ok("process_start", { executable: "echo", args: ["hi"] });
		await server.fails("process_start", { executable: "rm" });
		await server.client.close();
		const log = join(server.folder, "audit.log");
		const intact = await runIn(server.folder, "audit", "verify", log);
		expect(intact.stdout).toEndWith(
			" records of 1 server start in 1 file: intact\n",
		);
		expect(intact.code).toBe(0);
		const lines = (await Bun.file(log).text()).trimEnd().split("\n");
		const cut = `${log}.cut`;
		writeFileSync(cut, `${lines.slice(0, -1).join("\n")}\n`);
		const short = await runIn(server.folder, "audit", "verify", cut);
		expect([short.code, short.stdout]).toEqual([
			0,
			expect.stringContaining("no stop of 1 server is on record"),
		]);
		const shown = await runIn(server.folder, "audit", "tail", log);
		expect(shown.stdout).toContain('echo" "hi"');
		expect(shown.stdout).toContain("dangerous_executable");
		const config = join(server.folder, "other.json");
		writeFileSync(config, JSON.stringify({ auditLogPath: log }));
		expect(
			await runIn(server.folder, "audit", "tail", "--config", config),
		).toEqual(shown);
		const text = await Bun.file(log).text();
		writeFileSync(log, text.replace('"hi"', '"ho"'));
		const changed = await runIn(server.folder, "audit", "verify", log);
		expect(changed.code).toBe(1);
		expect(changed.stdout).toContain("NOT intact");
		const absent = await runIn(server.folder, "audit", "verify", `${log}.no`);
		expect(absent.code).toBe(1);
		writeFileSync(log, "");
		const empty = await runIn(server.folder, "audit", "verify", log);
		expect(empty.stdout).toBe(`${log}: there is nothing in it\n`);
		expect(empty.code).toBe(0);
	});
});

describe.skipIf(process.platform === "win32")("a glob of the allowlist", () => {
	it("lets no shell script through, and an entry of its own does", async () => {
		using scratch = new Scratch();
		const script = scratch.write("build", "#!/usr/bin/env sh\nexit 3\n", 0o755);
		{
			await using server = await TestServer.start({
				allowedExecutables: [`${scratch.path}/*`],
			});
			const refusal = await server.fails("process_start", {
				executable: script,
			});
			expect(refusal.details?.violation).toBe("shell_interpreter");
			expect(refusal.message).toEndWith(
				"is a script for sh, which /usr/bin/env starts",
			);
			expect(refusal.remediation).toContain(JSON.stringify(script));
		}
		await using server = await TestServer.start({
			allowedExecutables: [script],
		});
		const { pid } = await server.ok("process_start", { executable: script });
		expect((await server.waitForEnd(pid)).exitCode).toBe(3);
	});

	it("lets no copy of the server's program through", async () => {
		using scratch = new Scratch();
		const copy = join(scratch.path, "innocent");
		copyFileSync(BINARY, copy);
		await using server = await TestServer.start({
			allowedExecutables: [`${scratch.path}/*`],
		});
		const refusal = await server.fails("process_start", { executable: copy });
		expect(refusal.details?.violation).toBe("dangerous_executable");
	});
});

describe.skipIf(process.platform === "win32")(
	"a link swapped all the time",
	() => {
		it("never starts what it must not", async () => {
			using scratch = new Scratch();
			const [good, evil] = ["good", "evil"].map((name) =>
				scratch.write(
					name,
					`#!/usr/bin/env node\nconsole.log("${name}")\n`,
					0o755,
				),
			);
			const link = join(scratch.path, "link");
			const next = join(scratch.path, "next");
			symlinkSync(good ?? "", link);
			await using server = await TestServer.start({
				allowedExecutables: [good ?? ""],
				maxConcurrentProcesses: 1000,
				maxLaunchesPerMinute: 10_000,
			});
			let isSwapping = true;
			const swapping = (async () => {
				for (let turn = 0; isSwapping; turn++) {
					symlinkSync((turn % 2 ? good : evil) ?? "", next);
					renameSync(next, link);
					await Bun.sleep(0);
				}
			})();
			const pids: number[] = [];
			for (let attempt = 0; attempt < 60; attempt++) {
				const result = await server.client.callTool({
					name: "process_start",
					arguments: { executable: link },
				});
				const started = result.structuredContent as
					| { pid?: number }
					| undefined;
				if (started?.pid !== undefined) pids.push(started.pid);
			}
			isSwapping = false;
			await swapping;
			expect(pids.length).toBeGreaterThan(0);
			for (const pid of pids)
				expect((await server.outputOf(pid)).stdout).toBe("good\n");
		}, 60_000);
	},
);
