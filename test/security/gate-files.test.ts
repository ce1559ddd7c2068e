import { describe, expect, it } from "bun:test";
import { delimiter, join } from "node:path";
import { Programs, verdict } from "../support/policy-gate.ts";

const POSIX = process.platform !== "win32";

describe.skipIf(!POSIX)("a file of an allowed name elsewhere", () => {
	it("is refused by absolute path, by relative path and through cwd", async () => {
		using scratch = new Programs();
		scratch.program("tool");
		const planted = scratch.program("project/tool");
		const cwd = join(scratch.root, "project");
		const gate = await scratch.gate({ allowedExecutables: ["tool"] });
		for (const launch of [
			{ executable: planted },
			{ executable: "./tool", cwd },
			{ executable: "project/tool" },
			{ executable: "../project/tool", cwd },
		])
			expect(await verdict(gate, launch)).toBe("allowlist: not_in_allowlist");
		expect(await verdict(gate, { executable: "tool", cwd })).toBe("admitted");
		expect(await verdict(gate, { executable: "../bin/tool", cwd })).toBe(
			"admitted",
		);
	});

	it.each([".", "", "project", "./project"])(
		"is not found through the PATH entry %j",
		async (entry) => {
			using scratch = new Programs();
			const planted = scratch.program("project/tool");
			const cwd = join(scratch.root, "project");
			const gate = await scratch.gate(
				{ allowedExecutables: ["tool"] },
				{ env: { PATH: [entry, scratch.bin].join(delimiter) } },
			);
			expect(await verdict(gate, { executable: "tool", cwd })).toBe(
				"allowlist: EXECUTABLE_NOT_FOUND",
			);
			expect(await verdict(gate, { executable: planted, cwd })).toBe(
				"allowlist: not_in_allowlist",
			);
		},
	);
});

describe.skipIf(!POSIX)("a link", () => {
	it("of an allowed name to another file is refused where it is not the one in PATH", async () => {
		using scratch = new Programs();
		scratch.program("tool");
		scratch.program("other");
		const link = scratch.link("project/tool", join(scratch.bin, "other"));
		const gate = await scratch.gate({ allowedExecutables: ["tool"] });
		expect(await verdict(gate, { executable: link })).toBe(
			"allowlist: not_in_allowlist",
		);
	});

	it("to a dangerous file or a shell is refused through any chain, though a glob allows it", async () => {
		using scratch = new Programs();
		const { root } = scratch;
		scratch.program("opt/rm");
		scratch.program("opt/dash");
		scratch.link("one", join(root, "opt/rm"));
		scratch.link("two", "one");
		scratch.link("three", "two");
		scratch.link("shell", join(root, "opt/dash"));
		scratch.link("shell2", "shell");
		const gate = await scratch.gate({ allowedExecutables: ["/**"] });
		for (const name of ["one", "two", "three"])
			expect(await verdict(gate, { executable: name })).toBe(
				"dangerous: dangerous_executable",
			);
		for (const name of ["shell", "shell2"])
			expect(await verdict(gate, { executable: name })).toBe(
				"shell: shell_interpreter",
			);
	});

	it("in a virtual environment to an allowed interpreter is admitted, by its own name", async () => {
		using scratch = new Programs();
		const real = scratch.program("lib/python3.11");
		scratch.link("python3", real);
		const found = scratch.link(
			"project/.venv/bin/python",
			join(scratch.bin, "python3"),
		);
		const gate = await scratch.gate({ allowedExecutables: ["python3"] });
		const admitted = await gate.admit({
			executable: ".venv/bin/python",
			args: [],
			cwd: join(scratch.root, "project"),
			agent: "test",
		});
		expect(admitted.executable).toMatchObject({ found, real });
	});
});

describe.skipIf(!POSIX)("a multi-call program", () => {
	it("runs an allowed applet, and no other", async () => {
		using scratch = new Programs();
		const busybox = scratch.program("opt/busybox");
		for (const applet of ["ls", "wget", "rm", "sh", "env"])
			scratch.link(applet, busybox);
		const gate = await scratch.gate({
			allowedExecutables: ["ls", "env", "rm", "sh"],
		});
		expect(await verdict(gate, { executable: "ls" })).toBe("admitted");
		expect(await verdict(gate, { executable: "wget" })).toBe(
			"allowlist: not_in_allowlist",
		);
		expect(await verdict(gate, { executable: "rm" })).toBe(
			"dangerous: dangerous_executable",
		);
		expect(await verdict(gate, { executable: "sh" })).toBe(
			"shell: shell_interpreter",
		);
		expect(await verdict(gate, { executable: "env", args: ["sh"] })).toBe(
			"shell: shell_interpreter",
		);
		expect(await verdict(gate, { executable: busybox, args: ["ls"] })).toBe(
			"shell: shell_interpreter",
		);
	});

	it.each(["busybox", "busybox.static", "toybox", "coreutils"])(
		"as itself runs whatever its arguments name: %s",
		async (name) => {
			using scratch = new Programs();
			scratch.program(name);
			const gate = await scratch.gate({ allowedExecutables: [name] });
			expect(await verdict(gate, { executable: name, args: ["ls"] })).toBe(
				"shell: shell_interpreter",
			);
		},
	);

	// Dangerous programs are blocked always, shells allowed or not; the applet's name counts.
	it.each([
		["busybox", ["rm", "-rf", "x"]],
		["toybox", ["chmod", "777", "x"]],
		["coreutils", ["--coreutils-prog=rm", "x"]],
	])(
		"never runs a dangerous applet by its arguments: %s",
		async (name, args) => {
			using scratch = new Programs();
			scratch.program(name);
			const gate = await scratch.gate({
				allowedExecutables: [name],
				blockShellInterpreters: false,
			});
			expect(await verdict(gate, { executable: name, args })).toBe(
				"dangerous: dangerous_executable",
			);
			expect(await verdict(gate, { executable: name, args: ["ls"] })).toBe(
				"admitted",
			);
		},
	);
});
