import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expectChain, linesOf } from "../support/audit.ts";
import { runCommand } from "../support/command.ts";
import { RawServer } from "../support/raw.ts";
import { BINARY, eventually, Scratch } from "../support/server.ts";

setDefaultTimeout(60_000);

const POSSIBLE = process.platform === "linux" && process.getuid?.() === 0;

/** A server whose log is on a disk of its own, which nobody else sees. */
async function onSmallDisk(scratch: Scratch) {
	const mount = `mount -t tmpfs -o size=64k none ${scratch.path} && exec "$@"`;
	const server = await RawServer.start(
		{
			allowedExecutables: ["cat", "true"],
			auditLogPath: join(scratch.path, "audit.log"),
		},
		{ wrapper: ["unshare", "-m", "sh", "-c", mount, "sh"] },
	);
	const disk = `/proc/${server.pid}/root${scratch.path}`;
	const filler = join(disk, "filler");
	return {
		server,
		fill() {
			for (let chunk = 2 ** 20; chunk > 0; )
				try {
					writeFileSync(filler, "x".repeat(chunk), { flag: "a" });
				} catch {
					chunk >>= 1;
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

describe.skipIf(!POSSIBLE)("an audit log that could not be written", () => {
	/** On a full disk of 64 KB at `folder`. */
	const onFullDisk = (folder: string) =>
		`mount -t tmpfs -o size=64k none ${folder} && ! head -c 1M /dev/zero > ${folder}/filler && exec "$@"`;

	it.each([
		["on a full disk", onFullDisk, (folder: string) => folder],
		["in a place without files", () => 'exec "$@"', () => "/proc/x"],
	])("is told of by check, explain and doctor: %s", (_, script, place) => {
		using scratch = new Scratch();
		const folder = join(scratch.path, "disk");
		mkdirSync(folder);
		const auditLogPath = join(place(folder), "audit.log");
		const config = scratch.write(
			"config.json",
			JSON.stringify({ allowedExecutables: ["true"], auditLogPath }),
		);
		for (const [command, ...rest] of [
			["check"],
			["doctor"],
			["explain", "--", "true"],
		]) {
			const { stdout, exitCode } = Bun.spawnSync([
				...["unshare", "-m", "sh", "-c", script(folder), "sh"],
				...[BINARY, command ?? "", "--config", config, ...rest],
			]);
			expect([command, stdout.toString()]).toEqual([
				command,
				expect.stringContaining("The audit log can't be written"),
			]);
			expect(exitCode).toBe(command === "explain" ? 1 : 0);
		}
	});
});

describe("the audit log", () => {
	it("holds launches and the first refusals of an agent that is refused in a flood", async () => {
		await using server = await RawServer.start({
			allowedExecutables: ["true"],
			maxLaunchesPerMinute: 10,
		});
		const first = await server.ok("process_start", { executable: "true" });
		await server.waitForEnd(first.pid);
		const args = Array.from({ length: 100 }, () => "\u0001".repeat(1000));
		for (let index = 0; index < 700; index++) {
			const launch = { executable: `no-${index}`, args };
			const { details } = await server.fails("process_start", launch);
			expect(details?.violation).toBe("not_in_allowlist");
		}
		server.endInput();
		await server.exited;
		const lines = linesOf(join(server.folder, "audit.log"));
		expectChain(lines);
		const refused = lines.filter(({ result }) => result === "refused");
		expect(refused).toHaveLength(601);
		expect(refused[0]?.executable).toBe("no-0");
		expect(lines.at(-2)).toMatchObject({
			operation: "refusals",
			executable: "no-699",
			reason: expect.stringContaining("100 more refusals"),
		});
		expect(lines.at(-1)).toMatchObject({ operation: "server_stop" });
		const ofFirst = lines.filter(({ pid }) => pid === first.pid);
		expect(ofFirst).toHaveLength(2);
	});

	it("that can't be written does not end a server whose alerts are lost", async () => {
		await using server = await RawServer.start({
			auditLogPath: "/dev/null/audit.log",
			enableSecurityAlerts: true,
			securityAlertWebhook: "http://127.0.0.1:9/nobody",
		});
		await server.fails("process_start", { executable: "true" });
		await eventually(
			() => server.stderr.includes("could not be posted") || undefined,
			"the alert to be given up",
		);
		expect(await server.ok("process_list")).toMatchObject({ processes: [] });
	});
});
