import { describe, expect, it } from "bun:test";
import { admit, Programs, refuse, verdict } from "../support/policy-gate.ts";

const POSIX = process.platform !== "win32";

describe.skipIf(!POSIX)("an admitted launch", () => {
	it("is exactly what was judged", async () => {
		using scratch = new Programs();
		const real = scratch.program("lib/tool-1");
		const found = scratch.link("tool", real);
		const cwd = scratch.folder("work");
		const link = scratch.link("link", cwd);
		const gate = await scratch.gate(
			{ allowedExecutables: ["tool"] },
			{ env: { LANG: "C", SECRET: "x" } },
		);
		const args = ["a", "", "é"];
		const admitted = await admit(gate, {
			executable: "tool",
			args,
			cwd: link,
			env: { A: "1", LD_PRELOAD: "x" },
			agent: "me",
		});
		expect(admitted.executable).toMatchObject({
			requested: "tool",
			found,
			real,
		});
		expect(admitted.args).toEqual(args);
		expect(admitted.env).toEqual({ LANG: "C", A: "1", PATH: scratch.bin });
		expect(admitted.cwd).toBe(cwd);
		expect(admitted.agent).toBe("me");
		expect(admitted.warnings).toEqual([expect.stringContaining("LD_PRELOAD")]);
		expect(Object.isFrozen(admitted)).toBe(true);
	});

	it("is not changed by what becomes of the request", async () => {
		using scratch = new Programs();
		scratch.program("tool");
		const gate = await scratch.gate({ allowedExecutables: ["tool"] });
		const args = ["status"];
		const env: Record<string, string> = { A: "1" };
		const pending = admit(gate, { executable: "tool", args, env });
		args[0] = "push;";
		env.LD_PRELOAD = "x";
		const admitted = await pending;
		args.push("$(id)");
		expect(admitted.args).toEqual(["status"]);
		expect(admitted.env).not.toContainKey("LD_PRELOAD");
	});

	it("holds its place until it is released", async () => {
		using scratch = new Programs();
		scratch.program("tool");
		const gate = await scratch.gate({
			allowedExecutables: ["tool"],
			maxConcurrentProcesses: 1,
		});
		const first = await admit(gate, { executable: "tool" });
		expect(await verdict(gate, { executable: "tool" })).toBe(
			"concurrency: CONCURRENT_LIMIT_EXCEEDED",
		);
		first.release();
		expect(await verdict(gate, { executable: "tool" })).toBe("admitted");
	});

	it("takes no more places than there are when many ask at once", async () => {
		using scratch = new Programs();
		scratch.program("tool");
		const gate = await scratch.gate({
			allowedExecutables: ["tool"],
			maxConcurrentProcesses: 3,
		});
		const verdicts = await Promise.all(
			Array.from({ length: 20 }, () => verdict(gate, { executable: "tool" })),
		);
		expect(verdicts.filter((one) => one === "admitted")).toHaveLength(3);
	});
});

describe.skipIf(!POSIX)("the layers", () => {
	it("are asked in the contract's order; mending one leads to the next", async () => {
		using scratch = new Programs();
		const shell = scratch.program("opt/sh", 0o4755);
		const gate = await scratch.gate({
			allowedExecutables: ["/nowhere"],
			maxConcurrentProcesses: 1,
			maxLaunchesPerMinute: 1,
		});
		const all = { args: ["$("], env: { A: "`" }, cwd: "/nowhere" };
		expect(
			await verdict(gate, { ...all, executable: "/nowhere/rm" }),
		).toStartWith("dangerous: ");
		expect(await verdict(gate, { ...all, executable: shell })).toStartWith(
			"shell: ",
		);
		expect(
			await verdict(gate, {
				...all,
				executable: scratch.program("opt/suid", 0o4777),
			}),
		).toStartWith("privilege: ");
		expect(
			await verdict(gate, {
				...all,
				executable: scratch.program("opt/open", 0o777),
			}),
		).toStartWith("allowlist: not_in");
		const tool = scratch.program("opt/tool");
		const open = await scratch.gate({
			allowedExecutables: [tool],
			maxConcurrentProcesses: 1,
			maxLaunchesPerMinute: 1,
		});
		const ask = (launch: object) =>
			verdict(open, { executable: tool, ...launch });
		await admit(open, { executable: tool });
		expect(await ask(all)).toStartWith("arguments: ");
		expect(await ask({ ...all, args: [] })).toStartWith("environment: ");
		expect(await ask({ cwd: "/nowhere" })).toStartWith("directory: ");
		expect(await ask({})).toStartWith("concurrency: ");
	});

	it("allow nothing where nothing is configured, and say how to", async () => {
		using scratch = new Programs();
		scratch.program("tool");
		const { config } = await scratch.gate({}).then(({ policy }) => policy);
		const gate = await scratch.gate(
			{},
			{
				configuration: {
					config,
					source: { kind: "none" },
					locate: () => "no configuration",
				},
			},
		);
		const { message, remediation } = await refuse(gate, { executable: "tool" });
		expect(message).toStartWith("Executable not in allowlist");
		expect(remediation).toContain("--create-config");
		expect(remediation).toContain("--config");
	});
});
