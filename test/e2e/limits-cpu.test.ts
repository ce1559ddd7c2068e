import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import type { ConfigInput } from "../../src/config/schema.ts";
import { runCommand } from "../support/command.ts";
import { cpuSecondsOf } from "../support/proc.ts";
import { fixture, PYTHON } from "../support/programs.ts";
import { RawServer } from "../support/raw.ts";
import { eventually, Scratch, TestServer } from "../support/server.ts";
import { startTree } from "../support/tree.ts";

setDefaultTimeout(90_000);

const CONFIG: ConfigInput = {
	allowedExecutables: [PYTHON],
	argumentValidation: "literal",
};
const LINUX = process.platform === "linux";
/** Less than the fastest member works for. */
const SECONDS = 6;

describe.skipIf(!LINUX)("a limit of CPU", () => {
	it("holds a tree of five to half a core, which finishes its work", async () => {
		await using server = await TestServer.start(CONFIG);
		const { pid, members } = await startTree(
			server,
			"load.py",
			["members=5", "work=1.4"],
			{ resourceLimits: { maxCpuPercent: 50 } },
		);
		const shown = async () =>
			(await server.ok("process_get_stats", { pid })).cpuSeconds as number;
		const real = () =>
			members.reduce((sum, each) => sum + cpuSecondsOf(each), 0);
		const [shownBefore, realBefore] = [await shown(), real()];
		const start = performance.now();
		await Bun.sleep(SECONDS * 1000);
		const wall = (performance.now() - start) / 1000;
		const percent = {
			shown: (((await shown()) - shownBefore) * 100) / wall,
			real: ((real() - realBefore) * 100) / wall,
		};
		console.log("of 50 %:", percent);
		for (const value of Object.values(percent)) {
			// Where others want the CPU, too, it doesn't even get its share.
			expect(value).toBeGreaterThan(isBusy() ? 15 : 40);
			expect(value).toBeLessThan(60);
		}
		const status = await server.waitForEnd(pid);
		expect(status).toMatchObject({ state: "stopped", exitCode: 0 });
		expect(status.stats.cpuSeconds).toBeGreaterThan(6.9);
		expect(status.stats.cpuSeconds).toBeLessThan(9.5);
		const { stdout } = await server.ok("process_get_output", { pid });
		expect(stdout).toContain("done");
	});

	it("leaves who keeps below it alone", async () => {
		await using server = await TestServer.start(CONFIG);
		const { pid, members } = await startTree(
			server,
			"load.py",
			["members=2", "cpu=15"],
			{ resourceLimits: { maxCpuPercent: 60 } },
		);
		const [first] = members;
		const before = cpuSecondsOf(first ?? 0);
		let stops = 0;
		for (let look = 0; look < 200; look++) {
			if (members.some((each) => stateOf(each) === "T")) stops++;
			await Bun.sleep(20);
		}
		expect(stops).toBeLessThan(20);
		const used = (cpuSecondsOf(first ?? 0) - before) / 4;
		expect(used).toBeGreaterThan(0.08);
		expect((await server.ok("process_get_stats", { pid })).state).toBe(
			"running",
		);
	});

	it("of time counts the tree's CPU, children's included, and no sleep", async () => {
		await using server = await TestServer.start(CONFIG);
		const limits = { resourceLimits: { maxCpuTime: 2 } };
		const idle = await startTree(server, "load.py", ["members=3"], limits);
		const busy = await server.ok("process_start", {
			executable: PYTHON,
			args: [fixture("generations.py"), "wait", "100", "0.2", "1", "0", "30"],
			...limits,
		});
		const { termination, stats } = await server.waitForEnd(busy.pid);
		expect(termination.cause).toBe("cpu_time_limit");
		const [, used] =
			/^CPU time limit exceeded: (\d+\.\d) s > 2 s$/.exec(
				termination.message,
			) ?? [];
		expect(Number(used)).toBeGreaterThanOrEqual(2);
		expect(Number(used)).toBeLessThan(3);
		expect(stats.cpuSeconds).toBeLessThan(3);
		const status = await server.ok("process_get_status", { pid: idle.pid });
		expect(status.state).toBe("running");
		expect(status.uptime).toBeGreaterThan(2000);
	});
});

describe("a request above the maximum", () => {
	it("is refused with both numbers of each limit, and nothing starts", async () => {
		const maximum = {
			maxCpuPercent: 150,
			maxMemoryMB: 512,
			maxCpuTime: 30,
			maxProcesses: 20,
			maxFileDescriptors: 256,
		};
		await using server = await TestServer.start({
			...CONFIG,
			maximumResourceLimits: maximum,
		});
		for (const [name, most] of Object.entries(maximum)) {
			const refusal = await server.fails("process_start", {
				executable: PYTHON,
				resourceLimits: { [name]: most + 1 },
			});
			expect(refusal).toMatchObject({
				code: "SECURITY_VIOLATION",
				details: { violation: "resource_maximum" },
			});
			expect(refusal.message).toContain(`${name} ${most + 1} > ${most}`);
		}
		expect((await server.ok("process_list")).processes).toEqual([]);
	});
});

describe.skipIf(!LINUX || !Bun.which("npm"))("a TypeScript build", () => {
	it("runs to its end under the limits that the sample suggests", async () => {
		using scratch = new Scratch();
		const path = join(scratch.path, "mcp-process-config.json");
		const written = await runCommand(["--create-config", path], {
			cwd: scratch.path,
		});
		expect(written).toMatchObject({ code: 0 });
		// The sample has them as a comment, to be taken as they are.
		const sample = readFileSync(path, "utf8");
		const limits = sample.replace(/\/\/\s*("defaultResourceLimits")/, "$1");
		expect(limits).not.toBe(sample);
		writeFileSync(path, limits);
		const project = join(scratch.path, "project");
		mkdirSync(join(project, "node_modules", ".bin"), { recursive: true });
		const modules = join(project, "node_modules");
		const own = join(import.meta.dir, "../../node_modules");
		symlinkSync(join(own, "typescript"), join(modules, "typescript"));
		symlinkSync(join(own, "zod"), join(modules, "zod"));
		symlinkSync("../typescript/bin/tsc", join(modules, ".bin", "tsc"));
		scratch.write(
			"project/package.json",
			JSON.stringify({ name: "tiny", scripts: { build: "tsc" } }),
		);
		scratch.write(
			"project/tsconfig.json",
			'{ "compilerOptions": { "strict": true, "outDir": "out", "module": "nodenext", "target": "es2022", "skipLibCheck": true }, "include": ["*.ts"] }',
		);
		scratch.write(
			"project/shape.ts",
			'import { z } from "zod";\nexport const shape = z.object({ at: z.number() });\nexport type Shape = z.infer<typeof shape>;\n',
		);
		await using server = await RawServer.start(
			{},
			{ args: ["--config", path], cwd: project, env: { HOME: scratch.path } },
		);
		const { pid } = await server.ok("process_start", {
			executable: "npm",
			args: ["run", "build"],
			cwd: project,
		});
		const status = await eventually(
			async () => {
				const now = await server.ok("process_get_status", { pid });
				return now.state === "running" ? undefined : now;
			},
			"the build",
			60_000,
		);
		const { stdout, stderr } = await server.ok("process_get_output", { pid });
		console.log("the build used", status.stats);
		expect({ ...status, stdout, stderr }).toMatchObject({
			state: "stopped",
			exitCode: 0,
		});
		expect(status.stats.peakMemoryMB).toBeGreaterThan(50);
		const { limits: held } = await server.ok("process_get_stats", { pid });
		expect(held.map(({ name }: { name: string }) => name)).toContain(
			"maxMemoryMB",
		);
		expect(readFileSync(join(project, "out", "shape.js"), "utf8")).toContain(
			"z.object",
		);
	});
});

function isBusy(): boolean {
	return (loadavg()[0] ?? 0) > 2 * availableParallelism();
}

function stateOf(pid: number): string {
	const text = readFileSync(`/proc/${pid}/stat`, "utf8");
	return text.slice(text.lastIndexOf(")") + 2, text.lastIndexOf(")") + 3);
}
