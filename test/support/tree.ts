import { fixture, PYTHON } from "./programs.ts";
import type { TestServer } from "./server.ts";

/** Starts a fixture that prints `pids …`, and returns those: every process of its tree. */
export async function startTree(
	server: TestServer,
	name: string,
	args: readonly string[] = [],
	more: Record<string, unknown> = {},
): Promise<{ readonly pid: number; readonly members: readonly number[] }> {
	const { pid } = await server.ok("process_start", {
		executable: PYTHON,
		args: [fixture(name), ...args],
		...more,
	});
	const { stdout } = await server.waitForOutput(pid, "\n");
	return { pid, members: pidsIn(String(stdout)) };
}

/** The numbers of a line `pids 12 34`. */
export function pidsIn(text: string): readonly number[] {
	const numbers = /pids ([\d ]+)/.exec(text)?.[1] ?? "";
	return numbers.split(" ").filter(Boolean).map(Number);
}
