import { describe, expect, it } from "bun:test";
import { chmodSync, copyFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { findCgroupHome } from "../../src/platform/cgroup-mounts.ts";
import type { Guarantee } from "../../src/platform/platform.ts";
import { runCommand } from "../support/command.ts";
import { BINARY, Scratch } from "../support/server.ts";

const LINUX = process.platform === "linux";
const ROOT = process.getuid?.() === 0;

interface Report {
	readonly version: string;
	readonly system: Record<string, string>;
	readonly configuration: string;
	readonly guarantees: readonly Guarantee[];
}

async function examine(
	scratch: Scratch,
	config: unknown = {},
): Promise<Report> {
	const path = scratch.write("config.json", JSON.stringify(config));
	const { code, stdout, stderr } = await runCommand(
		["doctor", "--json", "--config", path],
		{ cwd: scratch.path },
	);
	expect([code, stderr]).toEqual([0, ""]);
	return JSON.parse(stdout) as Report;
}

const find = ({ guarantees }: Report, id: string) =>
	guarantees.find((guarantee) => guarantee.id === id);

describe("doctor", () => {
	it("says of each guarantee by whom and by what it is kept, or why not", async () => {
		using scratch = new Scratch();
		const report = await examine(scratch);
		expect(report.guarantees.length).toBeGreaterThan(15);
		const ids = report.guarantees.map(({ id }) => id);
		expect(new Set(ids).size).toBe(ids.length);
		for (const { id, promise, by, how } of report.guarantees) {
			expect(id).toMatch(/^[a-z.-]+[A-Za-z]*$/);
			expect(["kernel", "server", "unavailable"]).toContain(by);
			expect(promise.length).toBeGreaterThan(10);
			expect(how).not.toBe("");
		}
	});

	it("says the same to a person", async () => {
		using scratch = new Scratch();
		const report = await examine(scratch);
		const { code, stdout, stderr } = await runCommand(["doctor"], {
			cwd: scratch.path,
		});
		expect([code, stderr]).toEqual([0, ""]);
		for (const { id, promise } of report.guarantees)
			expect(stdout).toContain(`  ${id.padEnd(26)} ${promise}\n`);
		const [kernel, server, not] = [
			"Enforced by the kernel:",
			"Enforced by this server:",
			"Not available:",
		].map((heading) => stdout.indexOf(heading));
		expect(kernel).toBeGreaterThan(0);
		expect(server).toBeGreaterThan(kernel ?? 0);
		expect(not).toBeGreaterThan(server ?? 0);
	});

	it.skipIf(process.platform === "win32")(
		"tries whether a terminal can be had",
		async () => {
			using scratch = new Scratch();
			expect(find(await examine(scratch), "terminals")).toMatchObject({
				by: "kernel",
				how: expect.stringContaining("pseudo-terminals"),
			});
		},
	);

	it("goes by the configuration", async () => {
		using scratch = new Scratch();
		const without = await examine(scratch, { enableAuditLog: false });
		expect(find(without, "audit")).toMatchObject({ by: "unavailable" });
		const report = await examine(scratch, { maxProcessLifetime: 77 });
		expect(find(report, "audit")).toMatchObject({ by: "server" });
		expect(find(report, "audit")?.promise).toStartWith("Every launch");
		expect(find(report, "lifetime")?.how).toContain("77 s");
	});

	it.each([
		["error", "launches, refusals, input, limits and ends"],
		["warn", "launches, input and ends other than crashes"],
	])(
		"tells what auditLogLevel %s leaves out, as check does",
		async (auditLogLevel, what) => {
			using scratch = new Scratch();
			const report = await examine(scratch, { auditLogLevel });
			expect(find(report, "audit")?.promise).toContain(`without ${what}`);
			const check = ["check", "--config", join(scratch.path, "config.json")];
			const { stdout } = await runCommand(check, { cwd: scratch.path });
			expect(stdout).toContain(`  ${what} are not recorded\n`);
		},
	);

	it("tells of an audit log that can't be written, as check and explain do", async () => {
		using scratch = new Scratch();
		const auditLogPath = join(scratch.write("file", ""), "audit.log");
		const config = { allowedExecutables: ["true"], auditLogPath };
		const report = await examine(scratch, config);
		const problem = `The audit log can't be written, so nothing is started: ${auditLogPath}`;
		expect(find(report, "audit")).toMatchObject({
			by: "unavailable",
			how: expect.stringContaining(problem),
		});
		const path = scratch.write("policy.json", JSON.stringify(config));
		const run = (...args: readonly string[]) =>
			runCommand([...args], { cwd: scratch.path });
		const check = await run("check", "--config", path);
		expect(check.stdout).toContain(problem);
		const explain = await run("explain", "--config", path, "--", "true");
		expect(explain.code).toBe(1);
		expect(explain.stdout).toContain('Refused by the layer "audit"');
	});

	it("fails with a configuration that can't be used", async () => {
		using scratch = new Scratch();
		const path = scratch.write("config.json", '{"maxConcurrent": 1}');
		const { code, stdout, stderr } = await runCommand(
			["doctor", "--config", path],
			{ cwd: scratch.path },
		);
		expect([code, stdout]).toEqual([1, ""]);
		expect(stderr).toContain("maxConcurrent");
	});

	describe.skipIf(!LINUX)("on Linux", () => {
		it.skipIf(!ROOT)(
			"tells where no terminal can be had, and why",
			async () => {
				using scratch = new Scratch();
				const path = scratch.write("config.json", "{}");
				// In a mount namespace of its own, without /dev/ptmx.
				const script =
					'mount -t tmpfs none /dev/pts && mount --bind /dev/null /dev/ptmx && exec "$@"';
				const doctor = [BINARY, "doctor", "--json", "--config", path];
				const { exitCode, stdout, stderr } = Bun.spawnSync(
					["unshare", "-m", "sh", "-c", script, "sh", ...doctor],
					{ cwd: scratch.path },
				);
				expect([exitCode, stderr.toString()]).toEqual([0, ""]);
				const report = JSON.parse(stdout.toString()) as Report;
				expect(find(report, "terminals")).toMatchObject({
					by: "unavailable",
					how: expect.stringContaining("no pseudo-terminal can be opened"),
				});
			},
		);

		it("finds the control groups that there are, and leaves none", async () => {
			using scratch = new Scratch();
			const home = findCgroupHome(
				"v2",
				await Bun.file("/proc/self/mountinfo").text(),
				await Bun.file("/proc/self/cgroup").text(),
			);
			const before = "directory" in home ? readdirSync(home.directory) : [];
			const atomic = find(await examine(scratch), "tree.atomic-kill");
			expect(atomic?.by).toBe("directory" in home ? "kernel" : "server");
			if ("reason" in home) expect(atomic?.how).toContain(home.reason);
			else expect(readdirSync(home.directory)).toEqual(before);
		});

		it.skipIf(!ROOT)(
			"tells what an ordinary user has that root has not, and the other way round",
			async () => {
				using scratch = new Scratch();
				chmodSync(scratch.path, 0o755);
				const binary = join(scratch.path, "mcp-process");
				copyFileSync(BINARY, binary);
				const asUser = Bun.spawnSync(
					[
						"setpriv",
						"--reuid=65534",
						"--regid=65534",
						"--clear-groups",
						binary,
						"doctor",
						"--json",
					],
					{ cwd: scratch.path, env: { HOME: "/nonexistent" } },
				);
				const report = JSON.parse(asUser.stdout.toString()) as Report;
				expect(find(report, "server.privacy")?.by).toBe("kernel");
				expect(find(report, "tree.atomic-kill")?.by).toBe("server");
				const asRoot = await examine(scratch);
				expect(find(asRoot, "server.privacy")).toMatchObject({
					by: "unavailable",
					how: expect.stringContaining("root"),
				});
			},
		);
	});
});
