import { fixture, PYTHON } from "./programs.ts";
import type { RawServer } from "./raw.ts";
import { eventually } from "./server.ts";

/** Starts a fixture that prints `pids …`, and returns those: every process of its tree. */
export async function startTree(
	server: Pick<RawServer, "ok">,
	name: string,
	args: readonly string[] = [],
	more: Record<string, unknown> = {},
): Promise<{ readonly pid: number; readonly members: readonly number[] }> {
	const { pid } = await server.ok("process_start", {
		executable: PYTHON,
		args: [fixture(name), ...args],
		...more,
	});
	const text = await eventually(async () => {
		const { stdout } = await server.ok("process_get_output", { pid });
		return stdout.includes("\n") ? String(stdout) : undefined;
	}, `the first line of ${name}`);
	return { pid, members: pidsIn(text) };
}

/** The numbers of a line `pids 12 34`. */
export function pidsIn(text: string): readonly number[] {
	const numbers = /pids ([\d ]+)/.exec(text)?.[1] ?? "";
	return numbers.split(" ").filter(Boolean).map(Number);
}
