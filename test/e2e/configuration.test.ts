import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../support/command.ts";
import { PERMISSIVE, startBeforePermissive } from "../support/configuration.ts";
import { RawServer } from "../support/raw.ts";
import { Scratch } from "../support/server.ts";

setDefaultTimeout(60_000);

const AS_ROOT = process.getuid?.() === 0;
const POSIX = process.platform !== "win32";

describe("a configuration file", () => {
	it("that is not there ends the start, and says how to write one", async () => {
		using scratch = new Scratch();
		const absent = join(scratch.path, "absent.json");
		for (const result of [
			await startBeforePermissive(scratch, ["--config", absent]),
			await startBeforePermissive(scratch, [], {
				MCP_PROCESS_CONFIG_PATH: absent,
			}),
		]) {
			expect(result).toMatchObject({ code: 1, stdout: "" });
			expect(result.stderr).toContain(absent);
			expect(result.stderr).toContain("--create-config");
		}
	});

	it("named by nothing ends the start", async () => {
		using scratch = new Scratch();
		const result = await startBeforePermissive(scratch, [], {
			MCP_PROCESS_CONFIG_PATH: "",
		});
		expect(result).toMatchObject({ code: 1, stdout: "" });
		expect(result.stderr).toContain("MCP_PROCESS_CONFIG_PATH");
	});

	it("that is a directory ends the start", async () => {
		using scratch = new Scratch();
		const result = await startBeforePermissive(scratch, [
			"--config",
			scratch.path,
		]);
		expect(result).toMatchObject({ code: 1, stdout: "" });
		expect(result.stderr).toContain(scratch.path);
	});

	it("that is not UTF-8 ends the start", async () => {
		using scratch = new Scratch();
		const path = join(scratch.path, "latin.json");
		writeFileSync(path, Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]));
		const result = await startBeforePermissive(scratch, ["--config", path]);
		expect(result).toMatchObject({ code: 1, stdout: "" });
		expect(result.stderr).toContain(path);
	});

	it.skipIf(!POSIX)("that is a pipe ends the start at once", async () => {
		using scratch = new Scratch();
		const path = join(scratch.path, "pipe.json");
		expect(Bun.spawnSync(["mkfifo", path]).success).toBe(true);
		const result = await startBeforePermissive(scratch, ["--config", path]);
		expect(result).toMatchObject({ code: 1, stdout: "" });
		expect(result.stderr).toContain(path);
	});

	it.skipIf(!POSIX)("that every user can write ends the start", async () => {
		using scratch = new Scratch();
		const path = scratch.write("open.json", PERMISSIVE);
		chmodSync(path, 0o666);
		const result = await startBeforePermissive(scratch, ["--config", path]);
		expect(result).toMatchObject({ code: 1, stdout: "" });
		expect(result.stderr).toContain(path);
		expect(result.stderr).toContain("chmod o-w");
	});

	it.skipIf(!POSIX)(
		"in a directory that every user can write ends the start",
		async () => {
			using scratch = new Scratch();
			const folder = join(scratch.path, "open");
			mkdirSync(folder);
			chmodSync(folder, 0o777);
			const path = scratch.write("open/config.json", PERMISSIVE);
			const result = await startBeforePermissive(scratch, ["--config", path]);
			expect(result).toMatchObject({ code: 1, stdout: "" });
			expect(result.stderr).toContain(folder);
		},
	);

	it.skipIf(!POSIX)(
		"reached through a link from a directory that every user can write ends the start",
		async () => {
			using scratch = new Scratch();
			const folder = join(scratch.path, "open");
			mkdirSync(folder);
			chmodSync(folder, 0o777);
			const link = join(folder, "config.json");
			symlinkSync(scratch.write("real.json", PERMISSIVE), link);
			const result = await startBeforePermissive(scratch, ["--config", link]);
			expect(result).toMatchObject({ code: 1, stdout: "" });
		},
	);

	it.skipIf(!POSIX)(
		"behind a link into a directory that every user can write ends the start",
		async () => {
			using scratch = new Scratch();
			const folder = join(scratch.path, "open");
			mkdirSync(folder);
			chmodSync(folder, 0o777);
			const link = join(scratch.path, "link.json");
			symlinkSync(scratch.write("open/real.json", PERMISSIVE), link);
			const result = await startBeforePermissive(scratch, ["--config", link]);
			expect(result).toMatchObject({ code: 1, stdout: "" });
		},
	);

	it.skipIf(!POSIX || AS_ROOT)(
		"that can't be read ends the start",
		async () => {
			using scratch = new Scratch();
			const path = scratch.write("closed.json", PERMISSIVE, 0o000);
			const result = await startBeforePermissive(scratch, ["--config", path]);
			expect(result).toMatchObject({ code: 1, stdout: "" });
			expect(result.stderr).toContain(path);
		},
	);

	it.skipIf(!POSIX)(
		"at a default place that is a dangling link ends the start",
		async () => {
			using scratch = new Scratch();
			symlinkSync("/no/such", join(scratch.path, "mcp-process-config.json"));
			const result = await runCommand([], { cwd: scratch.path });
			expect(result).toMatchObject({ code: 1, stdout: "" });
			expect(result.stderr).toContain("mcp-process-config.json");
		},
	);

	it("has comments, trailing commas and a byte order mark as it likes", async () => {
		using scratch = new Scratch();
		const path = scratch.write(
			"config.json",
			`\uFEFF{ // why\n "$schema": "x", /* and */ "allowedExecutables": ["true",],\n}`,
		);
		await using server = await RawServer.start(
			{},
			{ args: ["--config", path] },
		);
		await server.expectHealthy();
	});
});

describe("the order of the sources", () => {
	const only = (name: string) =>
		JSON.stringify({ allowedExecutables: [name], enableAuditLog: false });

	it("is --config, the path variable, the text variable, the two default files", async () => {
		using scratch = new Scratch();
		mkdirSync(join(scratch.path, "config"), { mode: 0o755 });
		scratch.write("config/mcp-process.json", only("cat"));
		const allowed = async (
			args: readonly string[],
			env: Record<string, string>,
		) => {
			await using server = await RawServer.start(
				{},
				{ args, env, cwd: scratch.path },
			);
			const body = await server.fails("process_start", {
				executable: "sudoku",
			});
			return /Use an allowed one \((.*?)\)/.exec(body.remediation)?.[1];
		};
		expect(await allowed([], {})).toBe("cat");
		scratch.write("mcp-process-config.json", only("sleep"));
		expect(await allowed([], {})).toBe("sleep");
		const text = { MCP_PROCESS_CONFIG: only("head") };
		expect(await allowed([], text)).toBe("head");
		const named = {
			...text,
			MCP_PROCESS_CONFIG_PATH: scratch.write("named.json", only("tail")),
		};
		expect(await allowed([], named)).toBe("tail");
		const given = scratch.write("given.json", only("wc"));
		expect(await allowed(["--config", given], named)).toBe("wc");
	});
});

describe("without a configuration", () => {
	it("the server starts, refuses every launch, and says how to configure it", async () => {
		await using server = await RawServer.start({}, { args: [] });
		expect(server.stderr).toContain("--create-config");
		expect(server.stderr).toContain("--config");
		for (const executable of ["true", "/bin/cat", "node", "no-such-program"]) {
			const body = await server.fails("process_start", { executable });
			expect(body).toMatchObject({
				code: "SECURITY_VIOLATION",
				details: { violation: "not_in_allowlist" },
			});
			expect(body.message).toContain("Executable not in allowlist");
			expect(body.remediation).toContain("--create-config");
			expect(body.remediation).toContain("--config");
		}
	});
});

describe("a configuration that changes while the server runs", () => {
	it("changes nothing", async () => {
		using scratch = new Scratch();
		const path = scratch.write("config.json", '{"allowedExecutables": []}');
		await using server = await RawServer.start(
			{},
			{ args: ["--config", path] },
		);
		writeFileSync(path, PERMISSIVE);
		expect(
			await server.fails("process_start", { executable: "true" }),
		).toMatchObject({ details: { violation: "not_in_allowlist" } });
	});
});
