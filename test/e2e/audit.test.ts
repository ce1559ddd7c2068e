import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { RawServer } from "../support/raw.ts";
import { eventually, Scratch } from "../support/server.ts";

setDefaultTimeout(60_000);

interface AuditRecord {
	readonly timestamp: string;
	readonly level: string;
	readonly operation: string;
	readonly executable?: string;
	readonly args?: readonly string[];
	readonly pid?: number;
	readonly agent?: string;
	readonly result: string;
	readonly reason?: string;
	readonly bytes?: number;
	readonly seq: number;
	readonly prev: string;
	readonly hash: string;
}

const CONFIG = {
	allowedExecutables: ["cat", "sleep", "true", "false"],
	argumentValidation: "literal",
};

function recordsOf(path: string): AuditRecord[] {
	return readFileSync(path, "utf8")
		.trimEnd()
		.split("\n")
		.map((line) => JSON.parse(line) as AuditRecord);
}

const logOf = (server: RawServer) => join(server.folder, "audit.log");

/** The records of a session that has ended. */
async function recordsAfterEnd(server: RawServer): Promise<AuditRecord[]> {
	server.endInput();
	expect(await server.waitForExit()).toEqual({ code: 0, signal: null });
	return recordsOf(logOf(server));
}

describe("the audit log", () => {
	it("has the server's start and stop, every launch, end, refusal and failure", async () => {
		await using server = await RawServer.start(CONFIG);
		const good = await server.ok("process_start", { executable: "true" });
		await server.waitForEnd(good.pid);
		const bad = await server.ok("process_start", { executable: "false" });
		await server.waitForEnd(bad.pid);
		for (const executable of ["bash", "sudo", "no-such-program"])
			await server.fails("process_start", { executable });
		await server.fails("process_start", { executable: "true", cwd: "/no/dir" });
		using scratch = new Scratch();
		const other = scratch.write("other", "#!/no/such/interp\n", 0o755);
		await server.fails("process_start", { executable: other });
		const long = await server.ok("process_start", {
			executable: "sleep",
			args: ["60"],
		});
		await server.ok("process_terminate", { pid: long.pid });
		const shut = await server.ok("process_start", {
			executable: "sleep",
			args: ["60"],
		});
		const records = await recordsAfterEnd(server);
		expect(records.at(0)).toMatchObject({ operation: "server_start", seq: 0 });
		expect(records.at(-1)).toMatchObject({
			operation: "server_stop",
			reason: "end of input",
		});
		const of = (pid: number) =>
			records
				.filter((record) => record.pid === pid)
				.map(({ operation, result }) => `${operation} ${result}`);
		expect(of(good.pid)).toEqual(["launch started", "exit exited"]);
		expect(of(bad.pid)).toEqual(["launch started", "exit exited"]);
		expect(of(long.pid)).toContain("launch started");
		expect(of(long.pid)).toContain("terminate graceful");
		expect(of(long.pid)).toContain("exit terminated");
		expect(of(shut.pid)).toContain("exit shutdown");
		const refused = records.filter(({ result }) => result === "refused");
		expect(refused.map(({ reason }) => reason?.split(":")[0])).toEqual([
			"shell_interpreter",
			"dangerous_executable",
			"not_in_allowlist",
			"INVALID_WORKING_DIRECTORY",
			"not_in_allowlist",
		]);
		for (const record of refused)
			expect(record).toMatchObject({
				operation: "launch",
				level: "warn",
				agent: "raw",
				reason: expect.stringMatching(/^\w+: /),
			});
	});

	it("has a launch that the system refused after the policy had admitted it", async () => {
		using scratch = new Scratch();
		const broken = scratch.write("broken", "#!/no/such/interp\n", 0o755);
		await using server = await RawServer.start({
			allowedExecutables: [broken],
		});
		await server.fails("process_start", { executable: broken });
		const records = await recordsAfterEnd(server);
		expect(
			records
				.filter(({ operation }) => operation === "launch")
				.map(({ result, level }) => [result, level]),
		).toEqual([
			["admitted", "info"],
			["failed", "error"],
		]);
	});

	it.skipIf(process.platform === "win32")("is its owner's alone", async () => {
		await using server = await RawServer.start(CONFIG);
		await server.expectHealthy();
		expect(statSync(logOf(server)).mode & 0o777).toBe(0o600);
	});

	it("is a chain of hashes from the server's start", async () => {
		await using server = await RawServer.start(CONFIG);
		for (let launch = 0; launch < 3; launch++) await server.expectHealthy();
		const records = await recordsAfterEnd(server);
		let prev: string | undefined;
		for (const [index, { hash, ...record }] of records.entries()) {
			expect(record.seq).toBe(index);
			if (prev !== undefined) expect(record.prev).toBe(prev);
			expect(
				createHash("sha256").update(JSON.stringify(record)).digest("hex"),
			).toBe(hash);
			expect(new Date(record.timestamp).toISOString()).toBe(record.timestamp);
			prev = hash;
		}
	});

	it("holds no secrets, neither of arguments nor of reasons nor of input", async () => {
		await using server = await RawServer.start(CONFIG);
		const secrets = [
			"hunter2-of-mine",
			"ghp_abcdefghijklmnop1234",
			"s3cr3t-url",
		];
		const args = [
			"--password",
			secrets[0],
			`--token=${secrets[1]}`,
			`https://user:${secrets[2]}@example.org/`,
			"visible",
		];
		await server.ok("process_start", { executable: "true", args });
		await server.fails("process_start", { executable: "bash", args });
		const { pid } = await server.ok("process_start", {
			executable: "cat",
			stdin: "typed-secret-one",
		});
		await server.ok("process_send_stdin", { pid, data: "typed-secret-two" });
		await server.fails("process_start", {
			executable: "true",
			env: { API_TOKEN: `${secrets[0]}$(x)` },
		});
		await recordsAfterEnd(server);
		const text = readFileSync(logOf(server), "utf8");
		expect(text).toContain("visible");
		expect(text).toContain("***");
		for (const secret of [...secrets, "typed-secret"])
			expect(text).not.toContain(secret);
		expect(server.stderr).not.toContain("hunter2");
	});

	it("has every write to standard input, by its size", async () => {
		await using server = await RawServer.start(CONFIG);
		const { pid } = await server.ok("process_start", { executable: "cat" });
		await server.ok("process_send_stdin", { pid, data: "é12" });
		const records = await recordsAfterEnd(server);
		expect(
			records.filter(({ operation }) => operation === "stdin"),
		).toMatchObject([{ pid, result: "written", bytes: 4 }]);
	});

	it("has the input that a launch brings along, by its size", async () => {
		await using server = await RawServer.start(CONFIG);
		const { pid } = await server.ok("process_start", {
			executable: "cat",
			stdin: "é12",
			closeStdin: true,
		});
		await server.waitForEnd(pid);
		const records = await recordsAfterEnd(server);
		expect(
			records.filter(({ operation }) => operation === "stdin"),
		).toMatchObject([{ pid, bytes: 4 }]);
	});

	it("keeps one line a record, whatever arguments and names hold", async () => {
		await using server = await RawServer.start(CONFIG);
		const odd = 'a\n{"operation":"forged"}\r\u2028\u001b[2J"';
		await server.ok("process_start", { executable: "true", args: [odd] });
		await server.fails("process_start", { executable: `${odd}\n` });
		const records = await recordsAfterEnd(server);
		expect(records.map(({ operation }) => operation)).not.toContain("forged");
		expect(records.some(({ args }) => args?.[0] === odd)).toBe(true);
	});

	it("goes on where an earlier session's ended", async () => {
		await using first = await RawServer.start(CONFIG);
		const before = await recordsAfterEnd(first);
		const auditLogPath = logOf(first);
		await using second = await RawServer.start({ ...CONFIG, auditLogPath });
		second.endInput();
		await second.waitForExit();
		const after = recordsOf(auditLogPath);
		expect(after.slice(0, before.length)).toEqual(before);
		expect(after.length).toBeGreaterThan(before.length);
		expect(after[before.length]).toMatchObject({ operation: "server_start" });
	});

	it("stops launches while it can't be written, and lets them go on after that", async () => {
		await using server = await RawServer.start({
			...CONFIG,
			auditLogPath: "/dev/full/audit.log",
		});
		const body = await server.fails("process_start", { executable: "true" });
		expect(body.message).toContain("/dev/full/audit.log");
		expect(body.remediation).toContain("auditLogPath");
		const { allowed, layers } = await server.ok("process_check_policy", {
			executable: "true",
		});
		expect(allowed).toBe(false);
		expect(layers.at(-1)).toMatchObject({
			layer: "audit",
			verdict: "refuse",
			reason: body.message,
			remediation: body.remediation,
		});
		expect(await server.ok("process_list")).toMatchObject({ processes: [] });
	});

	it.each(["warn", "error"])(
		"begins with the server's start at level %s too",
		async (auditLogLevel) => {
			await using server = await RawServer.start({ ...CONFIG, auditLogLevel });
			const { pid } = await server.ok("process_start", { executable: "true" });
			await server.waitForEnd(pid);
			const records = await recordsAfterEnd(server);
			expect(records.map(({ operation }) => operation)).toEqual([
				"server_start",
				"server_stop",
			]);
		},
	);

	it("lies in the user's state directory unless it is given", async () => {
		await using server = await RawServer.start({
			...CONFIG,
			auditLogPath: undefined,
		});
		await server.expectHealthy();
		if (process.platform !== "linux") return;
		const path = join(server.folder, ".local/state/mcp-process/audit.log");
		await eventually(() => existsSync(path) || undefined, path);
		expect(statSync(join(path, "..")).mode & 0o777).toBe(0o700);
	});

	it("is not kept with enableAuditLog: false", async () => {
		await using server = await RawServer.start({
			...CONFIG,
			enableAuditLog: false,
		});
		await server.expectHealthy();
		expect(existsSync(logOf(server))).toBe(false);
	});
});
