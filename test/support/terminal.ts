import { eventually, type Success, type TestServer } from "./server.ts";

export const SIZE = { cols: 80, rows: 24 };

/** Starts a program in a terminal. */
export async function startInTerminal(
	server: TestServer,
	executable: string,
	args: readonly string[] = [],
	more: Record<string, unknown> = {},
): Promise<number> {
	const { pid } = await server.ok("process_start", {
		executable,
		args,
		terminal: SIZE,
		...more,
	});
	return pid;
}

/** What a process's screen shows. */
export async function screenOf(
	server: TestServer,
	pid: number,
): Promise<Success> {
	const reply = await server.ok("process_get_output", { pid, screen: true });
	return reply.screen;
}

/** Waits until a line of the screen matches. */
export async function screenShows(
	server: TestServer,
	pid: number,
	pattern: RegExp,
): Promise<Success> {
	let last = "";
	return eventually(async () => {
		const screen = await screenOf(server, pid);
		last = screen.lines.join("\n");
		return pattern.test(last) ? screen : undefined;
	}, `a screen with ${pattern}`).catch((error) => {
		throw new Error(`${String(error)}; it showed:\n${last}`);
	});
}

/** Types text. */
export async function type(
	server: TestServer,
	pid: number,
	data: string,
): Promise<void> {
	await server.ok("process_send_stdin", { pid, data });
}

/** Waits until a process waits for this kind of input. */
export async function waitsFor(
	server: TestServer,
	pid: number,
	kind: string | undefined,
): Promise<Success> {
	let last: unknown;
	return eventually(async () => {
		const status = await server.ok("process_get_status", { pid });
		last = status.waitingForInput;
		return last === kind ? status : undefined;
	}, `${pid} to wait for ${kind}`).catch((error) => {
		throw new Error(`${String(error)}, not for ${last}`);
	});
}

/** All that an ended process wrote to its terminal, as bytes. */
export async function bytesOf(
	server: TestServer,
	pid: number,
): Promise<Buffer> {
	const parts: Buffer[] = [];
	let cursor: string | undefined;
	for (;;) {
		const reply = await server.ok("process_get_output", {
			pid,
			cursor,
			encoding: "base64",
		});
		parts.push(Buffer.from(reply.stdout, "base64"));
		cursor = reply.cursor;
		if (!reply.truncated) return Buffer.concat(parts);
	}
}
