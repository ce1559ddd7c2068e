import { expect } from "bun:test";
import { eventually, type Program, TestServer } from "./server.ts";

/** What of a session depends on how the program is started. */
export interface SessionOptions {
	readonly program?: Program;
	readonly cwd?: string;
	/** Pids are those of another namespace, of which nothing is seen here. */
	readonly contained?: boolean;
}

/**
 * A whole session: a program launched, fed, read and ended; a tree ended; a
 * timeout met; a refusal; and the end, after which nothing is left.
 */
export async function wholeSession(
	{ program, cwd, contained = false }: SessionOptions,
	isAlive: (pid: number) => boolean,
): Promise<void> {
	const ours: number[] = [];
	{
		await using server = await TestServer.start(
			{ allowedExecutables: ["cat", "sleep", "timeout", "false"] },
			{ ...(program && { program }), ...(cwd !== undefined && { cwd }) },
		);
		const start = async (executable: string, more = {}) => {
			const { pid } = await server.ok("process_start", { executable, ...more });
			ours.push(pid);
			return Number(pid);
		};
		const cat = await start("cat");
		await server.ok("process_send_stdin", { pid: cat, data: "hello\n" });
		const reply = await server.waitForOutput(cat, "hello\n");
		expect(reply.stdout).toBe("hello\n");
		await server.ok("process_send_stdin", { pid: cat, data: "ä", end: true });
		expect(await server.waitForEnd(cat)).toMatchObject({
			state: "stopped",
			exitCode: 0,
		});
		const rest = { pid: cat, cursor: reply.cursor };
		expect(await server.ok("process_get_output", rest)).toMatchObject({
			stdout: "ä",
		});
		const failing = await start("false");
		expect(await server.waitForEnd(failing)).toMatchObject({
			state: "crashed",
			exitCode: 1,
		});

		const tree = await start("timeout", { args: ["600", "sleep", "600"] });
		await eventually(async () => {
			const stats = await server.ok("process_get_stats", { pid: tree });
			return stats.processCount === 2 || undefined;
		}, "both members");
		expect(await server.ok("process_terminate", { pid: tree })).toMatchObject({
			pid: tree,
			survivors: [],
		});

		const late = await start("sleep", { args: ["600"], timeout: 300 });
		expect(await server.waitForEnd(late)).toMatchObject({
			state: "crashed",
			termination: { cause: "timeout" },
		});
		expect(
			await server.fails("process_start", { executable: "sh" }),
		).toMatchObject({
			code: "SECURITY_VIOLATION",
			details: { violation: "shell_interpreter" },
		});
		await start("sleep", { args: ["600"] });
	}
	if (contained) return;
	await eventually(
		() => (ours.some(isAlive) ? undefined : true),
		"everything to end with the session",
	);
}
