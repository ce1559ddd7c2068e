import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { eventually } from "../support/server.ts";
import { FIXTURE, missing, sharedServer, WineServer } from "./wine.ts";

setDefaultTimeout(120_000);

describe.skipIf(missing !== undefined)("under Windows, a process", () => {
	const shared = sharedServer();

	it("has its output captured byte for byte", async () => {
		const wine = shared();
		const { server } = wine;
		const pid = await wine.launch("bytes");
		expect(await server.waitForEnd(pid)).toMatchObject({
			state: "stopped",
			exitCode: 0,
			termination: { cause: "exited", signal: null },
		});
		const reply = await server.ok("process_get_output", {
			pid,
			encoding: "hex",
		});
		const bytes = Buffer.from([...Array(256).keys()]);
		expect(reply.stdout).toBe(bytes.toString("hex"));
		expect(reply.stderr).toBe(bytes.reverse().toString("hex"));
	});

	it("gets its arguments as they are", async () => {
		await using wine = await WineServer.start({
			argumentValidation: "literal",
		});
		const { server } = wine;
		const args = ["", "a b", 'q"uote', "back\\", '\\"', "%PATH%", "^&|", "ä€"];
		const { pid } = await server.ok("process_start", {
			executable: FIXTURE,
			args: ["args", ...args],
		});
		const shown = args.map((arg) => `[${arg}]`).join("");
		expect((await server.outputOf(pid)).stdout).toBe(`${shown}\n`);
	});

	it("has the exit code that it ends with", async () => {
		const wine = shared();
		const { server } = wine;
		const { pid } = await server.ok("process_start", {
			executable: FIXTURE,
			args: ["exit", "42"],
		});
		expect(await server.waitForEnd(pid)).toMatchObject({
			state: "crashed",
			exitCode: 42,
		});
	});

	it("is fed through its standard input", async () => {
		const wine = shared();
		const { server } = wine;
		const pid = await wine.launch("copy", { stdin: "first\n" });
		await server.waitForOutput(pid, "first\n");
		expect(
			await server.ok("process_send_stdin", {
				pid,
				data: Buffer.from([0, 255, 13, 10]).toString("base64"),
				encoding: "base64",
				end: true,
			}),
		).toMatchObject({ bytesWritten: 4 });
		expect(await server.waitForEnd(pid)).toMatchObject({ exitCode: 0 });
		const { stdout } = await server.ok("process_get_output", {
			pid,
			encoding: "hex",
		});
		expect(stdout).toBe(
			Buffer.from("first\n\x00\xff\r\n", "latin1").toString("hex"),
		);
	});

	it("runs in the directory that it was given, with its variables", async () => {
		const wine = shared();
		const { server } = wine;
		const pid = await wine.launch("env", {
			cwd: "C:\\windows",
			env: { Greeting: "hello", SystemRoot: "C:\\elsewhere" },
		});
		const { stdout } = await server.outputOf(pid);
		const lines = stdout.split("\n");
		expect(lines).toContain("Greeting=hello");
		expect(lines.filter((line) => /^systemroot=/i.test(line))).toHaveLength(1);
		expect(lines.filter((line) => /^path=/i.test(line))).toHaveLength(1);
		expect(await server.ok("process_get_status", { pid })).toMatchObject({
			cwd: "C:\\windows",
		});
	});

	it("shows what its whole tree uses", async () => {
		const wine = shared();
		const { server } = wine;
		const pid = await wine.launch("spin");
		await server.waitForOutput(pid, "ready");
		const stats = await eventually(async () => {
			const now = await server.ok("process_get_stats", { pid });
			return now.cpuSeconds > 0.2 ? now : undefined;
		}, "the process to use the processor");
		expect(stats).toMatchObject({ state: "running", processCount: 1 });
		expect(stats.memoryMB).toBeGreaterThan(64);
		expect(stats.memoryMB).toBeLessThan(512);
		expect(stats.threadCount).toBeGreaterThanOrEqual(1);
		const tree = await wine.launch("tree");
		await server.waitForOutput(tree, "ready\n".repeat(4));
		expect(await server.ok("process_get_stats", { pid: tree })).toMatchObject({
			processCount: 4,
		});
	});
});
