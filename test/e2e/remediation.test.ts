import { describe, expect, it } from "bun:test";
import { chmodSync, copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ConfigInput } from "../../src/config/schema.ts";
import { memoryOf } from "../support/proc.ts";
import { Scratch, TestServer } from "../support/server.ts";

interface Case {
	readonly violation: string;
	readonly config: ConfigInput;
	readonly request: Record<string, unknown>;
	/** What the remediation names. */
	readonly says: RegExp;
	/** The configuration after the user has followed it. */
	readonly mended: ConfigInput;
}

const TRUE = { executable: "true" };
const ECHO: ConfigInput = { allowedExecutables: ["echo"] };

const cases: readonly Case[] = [
	{
		violation: "not_in_allowlist",
		config: ECHO,
		request: TRUE,
		says: /adds "true" to allowedExecutables/,
		mended: { allowedExecutables: ["echo", "true"] },
	},
	{
		violation: "dangerous_executable",
		config: {
			allowedExecutables: ["true"],
			additionalBlockedExecutables: ["true"],
		},
		request: TRUE,
		says: /takes it out of additionalBlockedExecutables/,
		mended: { allowedExecutables: ["true"] },
	},
	{
		violation: "shell_interpreter",
		config: ECHO,
		request: { executable: "sh", args: ["-c", "exit 0"] },
		says: /sets blockShellInterpreters to false and adds it to allowedExecutables/,
		mended: { allowedExecutables: ["sh"], blockShellInterpreters: false },
	},
	{
		violation: "argument_injection",
		config: ECHO,
		request: { executable: "echo", args: ["a;b"] },
		says: /set argumentValidation to "literal"/,
		mended: { ...ECHO, argumentValidation: "literal" },
	},
	{
		violation: "argument_traversal",
		config: ECHO,
		request: { executable: "echo", args: ["../x"] },
		says: /set argumentValidation to "literal"/,
		mended: {
			allowedExecutables: [
				{ executable: "echo", argumentValidation: "literal" },
			],
		},
	},
	{
		violation: "argument_blocked",
		config: { ...ECHO, blockedArgumentPatterns: ["^--force"] },
		request: { executable: "echo", args: ["--force"] },
		says: /changes blockedArgumentPatterns/,
		mended: ECHO,
	},
	{
		violation: "argument_blocked",
		config: {
			allowedExecutables: [{ executable: "echo", allowedArguments: ["a"] }],
		},
		request: { executable: "echo", args: ["ab"] },
		says: /adds a pattern to allowedArguments/,
		mended: {
			allowedExecutables: [
				{ executable: "echo", allowedArguments: ["a", "ab"] },
			],
		},
	},
	{
		violation: "argument_limit",
		config: { ...ECHO, maxArgumentCount: 1 },
		request: { executable: "echo", args: ["a", "b"] },
		says: /raises maxArgumentCount/,
		mended: { ...ECHO, maxArgumentCount: 2 },
	},
	{
		violation: "env_var_injection",
		config: { ...ECHO, allowedEnvVars: ["A"] },
		request: { executable: "echo", env: { B: "1" } },
		says: /adds it to allowedEnvVars/,
		mended: { ...ECHO, allowedEnvVars: ["A", "B"] },
	},
	{
		violation: "env_var_limit",
		config: { ...ECHO, maxEnvVarCount: 0 },
		request: { executable: "echo", env: { B: "1" } },
		says: /raises maxEnvVarCount/,
		mended: { ...ECHO, maxEnvVarCount: 1 },
	},
	{
		violation: "working_directory_restricted",
		config: { ...ECHO, allowedWorkingDirectories: ["/usr"] },
		request: { executable: "echo", cwd: "/" },
		says: /adds this one to allowedWorkingDirectories/,
		mended: { ...ECHO, allowedWorkingDirectories: ["/usr", "/"] },
	},
	{
		violation: "time_window",
		config: { ...ECHO, blockedTimeWindows: ["* *"] },
		request: { executable: "echo" },
		says: /changes blockedTimeWindows/,
		mended: ECHO,
	},
	{
		violation: "stdin_not_allowed",
		config: { allowedExecutables: ["cat"], allowStdinInput: false },
		request: { executable: "cat", stdin: "x", closeStdin: true },
		says: /sets allowStdinInput to true/,
		mended: { allowedExecutables: ["cat"], allowStdinInput: true },
	},
	{
		violation: "output_not_allowed",
		config: { ...ECHO, allowOutputCapture: false },
		request: { executable: "echo", captureOutput: true },
		says: /sets allowOutputCapture to true/,
		mended: ECHO,
	},
];

describe.skipIf(process.platform === "win32")("a refusal", () => {
	it.each(cases.map((entry) => [entry.violation, entry] as const))(
		"%s says what to change, is on record, and the change makes the launch work",
		async (violation, { config, request, says, mended }) => {
			{
				await using server = await TestServer.start(config);
				const refusal = await server.fails("process_start", request);
				expect(refusal.code).toBe("SECURITY_VIOLATION");
				expect(refusal.details?.violation).toBe(violation);
				expect(refusal.remediation).toMatch(says);
				const records = readFileSync(join(server.folder, "audit.log"), "utf8")
					.trim()
					.split("\n")
					.map((line) => JSON.parse(line));
				const refused = records.filter(({ result }) => result === "refused");
				expect(refused).toHaveLength(1);
				expect(refused[0]).toMatchObject({
					operation: "launch",
					agent: "test",
				});
				expect(refused[0].reason).toStartWith(`${violation}: `);
			}
			await using server = await TestServer.start(mended);
			const { pid } = await server.ok("process_start", request);
			const { exitCode } = await server.waitForEnd(pid);
			expect(exitCode).toBe(0);
		},
	);

	it("for setuid files and unsafe places is lifted by the chmod that it names", async () => {
		using scratch = new Scratch();
		const folder = join(scratch.path, "bin");
		mkdirSync(folder);
		const tool = join(folder, "tool");
		copyFileSync(Bun.which("true") ?? "/bin/true", tool);
		await using server = await TestServer.start({ allowedExecutables: [tool] });
		const start = () => server.fails("process_start", { executable: tool });

		chmodSync(tool, 0o4755);
		expect((await start()).details?.violation).toBe("setuid_executable");
		chmodSync(tool, 0o757);
		const writable = await start();
		expect(writable.details?.violation).toBe("unsafe_location");
		expect(writable.remediation).toContain(`chmod o-w ${tool}`);
		chmodSync(tool, 0o755);
		chmodSync(folder, 0o777);
		expect((await start()).remediation).toContain(`chmod o-w ${folder}`);
		chmodSync(folder, 0o755);
		await server.ok("process_start", { executable: tool });
	});
});

describe("ten thousand refused launches", () => {
	it("cost little time each, and no memory", async () => {
		await using server = await TestServer.start({
			allowedExecutables: ["echo"],
		});
		const refuse = async (count: number) => {
			for (let index = 0; index < count; index++)
				await server.fails("process_start", { executable: "git", args: ["x"] });
		};
		const resident = () => memoryOf(server.pid) / 2 ** 20;
		await refuse(2000);
		const before = process.platform === "linux" ? resident() : 0;
		const start = performance.now();
		await refuse(10_000);
		const each = (performance.now() - start) / 10_000;
		// A millisecond is the aim, protocol and client included.
		expect(each).toBeLessThan(10);
		if (process.platform === "linux")
			expect(resident() - before).toBeLessThan(32);
	}, 120_000);
});

describe.skipIf(process.platform === "win32")("what to do instead", () => {
	it("is nothing that the policy refuses, where it discards output", async () => {
		await using server = await TestServer.start({
			allowedExecutables: ["echo", "cat"],
			allowOutputCapture: false,
		});
		const refusal = await server.fails("process_start", {
			executable: "echo",
			waitFor: { pattern: "x" },
		});
		expect(refusal.code).toBe("OUTPUT_NOT_CAPTURED");
		expect(refusal.remediation).toContain("sets allowOutputCapture");
		const { groupId } = await server.ok("process_create_group", {
			name: "lines",
			pipeline: true,
		});
		await server.ok("process_start", { executable: "echo", groupId });
		const second = await server.fails("process_start", {
			executable: "cat",
			groupId,
		});
		expect(second.code).toBe("OUTPUT_NOT_CAPTURED");
		expect(second.remediation).toContain("sets allowOutputCapture");
	});

	it("works, where groups may not be ended", async () => {
		await using server = await TestServer.start({
			allowedExecutables: ["sleep"],
			allowGroupTermination: false,
		});
		const { groupId } = await server.ok("process_create_group", { name: "g" });
		const { pid } = await server.ok("process_start", {
			executable: "sleep",
			args: ["60"],
			groupId,
		});
		const refusal = await server.fails("process_terminate_group", { groupId });
		expect(refusal.remediation).toContain("process_terminate;");
		await server.ok("process_terminate", { pid });
	});

	it("is to start a stage again in another way, where its output was read before the next one came", async () => {
		await using server = await TestServer.start({
			allowedExecutables: ["seq", "wc"],
			maxOutputBufferSize: 4096,
		});
		const { groupId } = await server.ok("process_create_group", {
			name: "lines",
			pipeline: true,
		});
		const args = ["30000"];
		await server.ok("process_start", {
			executable: "seq",
			args,
			groupId,
			waitFor: { exit: true },
		});
		const wc = { executable: "wc", args: ["-l"] };
		const refusal = await server.fails("process_start", { ...wc, groupId });
		expect(refusal.code).toBe("PIPELINE_DATA_LOST");
		expect(refusal.remediation).toContain("without waitFor");
		const again = await server.ok("process_create_group", {
			name: "again",
			pipeline: true,
		});
		await server.ok("process_start", {
			executable: "seq",
			args,
			groupId: again.groupId,
		});
		const { stdout } = await server.ok("process_start", {
			...wc,
			groupId: again.groupId,
			waitFor: { exit: true },
		});
		expect(stdout.trim()).toBe("30000");
	});
});
