import { describe, expect, it } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";
import type { ConfigInput } from "../../src/config/schema.ts";
import { admit, Programs, refuse, verdict } from "../support/policy-gate.ts";

const POSIX = process.platform !== "win32";

describe.skipIf(!POSIX)("an allowlist entry", () => {
	it("may be a bare name, an absolute path, a glob or an object", async () => {
		using scratch = new Programs();
		const { bin, root } = scratch;
		scratch.program("tool");
		scratch.program("opt/tool");
		const entries: ConfigInput["allowedExecutables"][] = [
			["tool"],
			[join(bin, "tool")],
			[`${bin}/*`],
			[`${root}/{bin,none}/t??l`],
			[{ executable: "tool" }],
			[{ executable: `${root}/b*/tool` }],
		];
		for (const allowedExecutables of entries) {
			const gate = await scratch.gate({ allowedExecutables });
			expect(await verdict(gate, { executable: "tool" })).toBe("admitted");
			expect(await verdict(gate, { executable: join(root, "opt/tool") })).toBe(
				"allowlist: not_in_allowlist",
			);
		}
	});
});

describe.skipIf(!POSIX)("the settings of an entry", () => {
	it("hold for that executable alone", async () => {
		using scratch = new Programs();
		scratch.program("git");
		scratch.program("node");
		const gate = await scratch.gate({
			allowedExecutables: [
				"node",
				{
					executable: "git",
					argumentValidation: "literal",
					blockedArguments: ["^push$"],
					env: { GIT_PAGER: "cat" },
				},
			],
		});
		const git = await admit(gate, { executable: "git", args: ["log;"] });
		expect(git.env.GIT_PAGER).toBe("cat");
		expect(await verdict(gate, { executable: "git", args: ["push"] })).toBe(
			"arguments: argument_blocked",
		);
		const node = await admit(gate, { executable: "node", args: ["push"] });
		expect(node.env).not.toContainKey("GIT_PAGER");
		expect(await verdict(gate, { executable: "node", args: ["log;"] })).toBe(
			"arguments: argument_injection",
		);
	});

	it("may tighten what is loose for all others", async () => {
		using scratch = new Programs();
		scratch.program("git");
		const gate = await scratch.gate({
			argumentValidation: "literal",
			allowedExecutables: [
				{
					executable: "git",
					argumentValidation: "strict",
					allowedArguments: ["status|log", "-.*"],
				},
			],
		});
		expect(
			await verdict(gate, { executable: "git", args: ["log", "-p"] }),
		).toBe("admitted");
		expect(await verdict(gate, { executable: "git", args: ["-p;"] })).toBe(
			"arguments: argument_injection",
		);
		expect(await verdict(gate, { executable: "git", args: ["push"] })).toBe(
			"arguments: argument_blocked",
		);
	});

	it("do not lift the patterns that hold for all", async () => {
		using scratch = new Programs();
		scratch.program("git");
		const gate = await scratch.gate({
			blockedArgumentPatterns: ["force"],
			allowedExecutables: [{ executable: "git", allowedArguments: [".*"] }],
		});
		const { details } = await refuse(gate, {
			executable: "git",
			args: ["--force"],
		});
		expect(details).toMatchObject({
			violation: "argument_blocked",
			key: "blockedArgumentPatterns",
		});
	});

	// What a user asks for is never silently not done: a wider entry may not hide a narrower one.
	it("hold also where another entry with settings matches first", async () => {
		using scratch = new Programs();
		scratch.program("git");
		const gate = await scratch.gate({
			allowedExecutables: [
				{ executable: `${scratch.bin}/*`, env: { CI: "1" } },
				{ executable: "git", blockedArguments: ["^push$"] },
			],
		});
		expect(await verdict(gate, { executable: "git", args: ["push"] })).toBe(
			"arguments: argument_blocked",
		);
	});
});

describe.skipIf(!POSIX)("whatever is asked for", () => {
	const scratch = () => {
		const programs = new Programs();
		for (const name of ["tool", "other", "sh", "rm", "nice", "env"])
			programs.program(name);
		programs.program("project/tool");
		programs.link("project/link", join(programs.bin, "tool"));
		programs.link("project/other", join(programs.bin, "other"));
		return programs;
	};
	const names = fc.constantFrom(
		"tool",
		"other",
		"sh",
		"rm",
		"nice",
		"env",
		"./tool",
		"./link",
		"project/tool",
		"project/other",
		"bin/tool",
		"../tool",
		"",
	);
	const argument = fc.oneof(
		names,
		fc.string({ unit: "binary", maxLength: 8 }),
		fc.constantFrom(
			"$(id)",
			"`",
			"a;b",
			"A=1",
			"-n",
			"5",
			"--",
			"../x",
			"a|b",
			"a&b",
			"\n",
		),
	);
	const launches = fc.array(
		fc.record({
			executable: fc.oneof(fc.constantFrom("tool", "nice"), names),
			args: fc.array(argument, { maxLength: 5 }),
			cwd: fc.constantFrom(undefined, "project", "bin"),
			release: fc.boolean(),
		}),
		{ maxLength: 12 },
	);

	it("what is admitted is in the allowlist, and its arguments are the request's", async () => {
		using programs = scratch();
		const tool = join(programs.bin, "tool");
		const nice = join(programs.bin, "nice");
		let admissions = 0;
		await fc.assert(
			fc.asyncProperty(launches, async (sequence) => {
				const gate = await programs.gate({
					allowedExecutables: ["tool", "nice"],
					maxConcurrentProcesses: 3,
				});
				let running = 0;
				for (const { release, ...launch } of sequence) {
					const admitted = await admit(gate, launch).catch(() => undefined);
					if (!admitted) continue;
					admissions++;
					expect([tool, nice]).toContain(admitted.executable.real);
					expect(admitted.args).toEqual(launch.args);
					for (const arg of admitted.args)
						expect(arg).not.toMatch(/\$\(|[`|;&\n\0]|\.\.[\\/]/);
					if (admitted.executable.real === nice)
						for (const arg of admitted.args.slice(0, 1))
							expect(["sh", "rm", "other", "env"]).not.toContain(arg);
					if (release) admitted.release();
					else running++;
					expect(running).toBeLessThanOrEqual(3);
				}
			}),
			{ numRuns: 300 },
		);
		expect(admissions).toBeGreaterThan(50);
	});
});
