import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ConfigInput } from "../../src/config/schema.ts";
import { cgroupsOf } from "../support/marked.ts";
import { BINARY, eventually, TestServer } from "../support/server.ts";
import { TestGroup } from "../support/test-group.ts";
import { cgroupHome, WITH_CGROUPS } from "../support/ways.ts";

setDefaultTimeout(60_000);

const CONFIG: ConfigInput = { allowedExecutables: ["echo", "sleep"] };

const echo = (server: TestServer) =>
	server.ok("process_start", {
		executable: "echo",
		args: ["hello"],
		waitFor: { exit: true },
	});

describe.skipIf(!WITH_CGROUPS.isAvailable)("control groups", () => {
	// Linux 6.18 kills whatever is started from there into another group.
	it("are done without where the server's own was killed once", async () => {
		const home = cgroupHome() ?? "";
		await using group = new TestGroup(
			join(home, `test-${crypto.randomUUID()}`),
		);
		writeFileSync(join(group.path, "cgroup.kill"), "1");
		const { wrapper } = group;
		{
			await using server = await TestServer.start(CONFIG, { wrapper });
			const { exitCode, stdout } = await echo(server);
			expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "hello\n" });
			const { pid } = await server.ok("process_start", {
				executable: "sleep",
				args: ["60"],
			});
			const ended = await server.ok("process_terminate", { pid });
			expect(ended.survivors).toEqual([]);
		}
		const doctor = Bun.spawnSync([...wrapper, BINARY, "doctor"]);
		// A later kernel may not.
		expect(doctor.stdout.toString()).toMatch(
			/ {2}tree\.termination .*\n.*(kills what is started in one|control group, process group)/,
		);
	});

	it("are done without where the kernel takes nothing in any more", async () => {
		await using server = await TestServer.start(CONFIG);
		await echo(server);
		const [name = ""] = cgroupsOf(server.pid);
		const threaded = join(cgroupHome() ?? "", name, "threaded");
		mkdirSync(threaded);
		// Its siblings become "domain invalid" (kernel's cgroup-v2.rst, Threads).
		writeFileSync(join(threaded, "cgroup.type"), "threaded");
		for (let count = 0; count < 2; count++)
			expect(await echo(server)).toMatchObject({ stdout: "hello\n" });
		await eventually(
			() => server.stderr.includes("can't be started in") || undefined,
			"word of it",
		);
	});
});
