import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../support/command.ts";
import { RawServer } from "../support/raw.ts";
import { eventually, Scratch } from "../support/server.ts";

setDefaultTimeout(60_000);

const POSSIBLE = process.platform === "linux" && process.getuid?.() === 0;

/** A server whose log is on a disk of its own, which nobody else sees. */
async function onSmallDisk(scratch: Scratch, config: object = {}) {
	const mount = `mount -t tmpfs -o size=64k none ${scratch.path} && exec "$@"`;
	const server = await RawServer.start(
		{
			allowedExecutables: ["cat", "true"],
			auditLogPath: join(scratch.path, "audit.log"),
			...config,
		},
		{ wrapper: ["unshare", "-m", "sh", "-c", mount, "sh"] },
	);
	const disk = `/proc/${server.pid}/root${scratch.path}`;
	const filler = join(disk, "filler");
	return {
		server,
		fill() {
			for (let size = 65_536; size > 0; size >>= 1)
				try {
					writeFileSync(filler, "x".repeat(size), { flag: "a" });
				} catch {
					// What fits is there.
				}
		},
		empty: () => rmSync(filler),
		text: () => readFileSync(join(disk, "audit.log"), "utf8"),
	};
}

describe.skipIf(!POSSIBLE)("the audit log on a full disk", () => {
	it("stops launches, not input and ends, and has all of it once there is room", async () => {
		using scratch = new Scratch();
		const { server, fill, empty, text } = await onSmallDisk(scratch);
		await using _ = server;
		const { pid } = await server.ok("process_start", { executable: "cat" });
		fill();
		const launch = { executable: "true" };
		const check = () => server.ok("process_check_policy", launch);
		// Input is taken on, also when no record fits into the last block any more.
		const problem = await eventually(async () => {
			await server.ok("process_send_stdin", { pid, data: "x" });
			const { allowed, layers } = await check();
			return allowed ? undefined : layers.at(-1);
		}, "the disk to be full");
		const refusal = await server.fails("process_start", launch);
		expect(refusal).toMatchObject({
			code: "INTERNAL_ERROR",
			message: expect.stringContaining("The audit log can't be written"),
		});
		expect(problem).toMatchObject({ layer: "audit", verdict: "refuse" });
		await server.ok("process_send_stdin", { pid, data: "four" });
		await server.ok("process_terminate", { pid });
		expect(text()).not.toContain('"bytes":4');
		empty();
		// Without another call.
		await eventually(
			() => text().includes('"operation":"terminate"') || undefined,
			"what waited",
		);
		expect(await check()).toMatchObject({ allowed: true });
		await server.ok("process_start", launch);
		expect(text()).toContain('"bytes":4');
		const copy = scratch.write("copy.log", text());
		const { code, stdout } = await runCommand(["audit", "verify", copy], {
			cwd: scratch.path,
		});
		expect([code, stdout]).toEqual([0, expect.stringContaining(": intact")]);
	});
});
