import { expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Success, TestServer } from "./server.ts";

/** Every reply from a cursor to the end of an ended process's output, in order. */
export async function readAll(
	server: TestServer,
	args: Record<string, unknown>,
): Promise<Success[]> {
	const replies: Success[] = [];
	let { cursor } = args;
	for (;;) {
		const reply = await server.ok("process_get_output", { ...args, cursor });
		if (reply.truncated && reply.cursor === cursor)
			throw new Error(`there is more after ${cursor}, but no way on`);
		replies.push(reply);
		cursor = reply.cursor;
		if (!reply.truncated) return replies;
	}
}

export const joined = (
	replies: readonly Success[],
	stream: "stdout" | "stderr",
) => replies.map((reply) => String(reply[stream])).join("");

/** Starts `cat` on a file of these bytes, and waits for its end. */
export async function catOf(
	server: TestServer,
	bytes: string | Uint8Array,
	args: Record<string, unknown> = {},
): Promise<number> {
	const path = join(server.folder, "data");
	writeFileSync(path, bytes);
	const { pid } = await server.ok("process_start", {
		executable: "cat",
		args: [path],
		...args,
	});
	expect(await server.waitForEnd(pid)).toMatchObject({ exitCode: 0 });
	return pid;
}
