import { describe, expect, it } from "bun:test";
import { mkdirSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import {
	findExecutable,
	isBareName,
	isMultiCall,
	judgedNames,
	multiCallAsItself,
	programName,
	searchDirectories,
	withoutVersion,
} from "../../src/security/executable.ts";
import { Programs } from "../support/policy-gate.ts";

const POSIX = process.platform !== "win32";

describe.skipIf(!POSIX)("searchDirectories", () => {
	it("keeps absolute directories alone, each once, in their order", () => {
		expect(searchDirectories("/b::/a:.:bin:./x:../y:/b:~/z")).toEqual([
			"/b",
			"/a",
		]);
		expect(searchDirectories("")).toEqual([]);
		expect(searchDirectories(undefined)).toEqual([]);
	});
});

describe.skipIf(!POSIX)("findExecutable", () => {
	it("finds a bare name in the first directory that has it", () => {
		using scratch = new Programs();
		scratch.program("second/tool");
		const first = scratch.program("first/tool");
		const path = ["empty", "first", "second"].map((name) =>
			join(scratch.root, name),
		);
		const { ino, dev } = statSync(first, { bigint: true });
		expect(findExecutable("tool", path, "/")).toMatchObject({
			requested: "tool",
			found: first,
			real: first,
			inode: ino,
			device: dev,
		});
		expect(findExecutable("other", path, "/")).toBeUndefined();
	});

	it("passes over what a shell would: directories, and files that are not executable", () => {
		using scratch = new Programs();
		scratch.folder("one/tool");
		scratch.program("two/tool", 0o644);
		const meant = scratch.program("three/tool");
		const path = ["one", "two", "three"].map((name) =>
			join(scratch.root, name),
		);
		expect(findExecutable("tool", path, "/")?.found).toBe(meant);
	});

	it("never finds a bare name in the working directory", () => {
		using scratch = new Programs();
		scratch.program("here/tool");
		expect(
			findExecutable("tool", [scratch.bin], join(scratch.root, "here")),
		).toBeUndefined();
	});

	it("takes a name with a separator against the working directory", () => {
		using scratch = new Programs();
		const tool = scratch.program("dir/tool");
		const inner = scratch.folder("dir/inner");
		const from = (name: string, cwd: string) =>
			findExecutable(name, [], cwd)?.found;
		expect(from("./tool", join(scratch.root, "dir"))).toBe(tool);
		expect(from("../tool", inner)).toBe(tool);
		expect(from("dir/tool", scratch.root)).toBe(tool);
		expect(from(tool, "/")).toBe(tool);
		expect(from("./tool", scratch.root)).toBeUndefined();
	});

	it("tells the file found from the real one, through any chain of links", () => {
		using scratch = new Programs();
		const real = scratch.program("lib/tool-1.2");
		scratch.link("lib/tool-1", "tool-1.2");
		const link = scratch.link("tool", join(scratch.root, "lib/tool-1"));
		expect(findExecutable("tool", [scratch.bin], "/")).toMatchObject({
			found: link,
			real,
		});
	});

	it("finds nothing behind a broken link, a loop, an empty name or a NUL", () => {
		using scratch = new Programs();
		scratch.link("dangling", "nowhere");
		symlinkSync(join(scratch.bin, "loop"), join(scratch.bin, "loop"));
		mkdirSync(join(scratch.bin, "dir"));
		const tool = scratch.program("tool");
		for (const name of [
			"dangling",
			"loop",
			"dir",
			"",
			".",
			"..",
			"/",
			`${tool}\0`,
			"tool\0x",
			`${tool}/x`,
		])
			expect([name, findExecutable(name, [scratch.bin], scratch.bin)]).toEqual([
				name,
				undefined,
			]);
	});
});

describe("names", () => {
	it.skipIf(!POSIX)("are bare without a separator", () => {
		expect(
			["node", "..", "a b", "./node", "/node", "a/b"].map(isBareName),
		).toEqual([true, true, true, false, false, false]);
	});

	it.skipIf(!POSIX)("are a path's last part", () => {
		expect(
			["/usr/bin/node", "node", "rm/", "/", ""].map((path) =>
				programName(path),
			),
		).toEqual(["node", "node", "rm", "", ""]);
	});

	it.skipIf(process.platform !== "linux")(
		"keep their case and ending on Linux",
		() => {
			expect(["RM", "cmd.exe"].map((path) => programName(path))).toEqual([
				"RM",
				"cmd.exe",
			]);
		},
	);

	it("lose their version, and nothing else", () => {
		const cases = {
			"bash-5.2": "bash",
			"python3.11": "python",
			ksh93: "ksh",
			node: "node",
			"7z": "7z",
			"x86_64-gcc": "x86_64-gcc",
			"clang-17": "clang",
		};
		for (const [name, bare] of Object.entries(cases))
			expect(withoutVersion(name)).toBe(bare);
	});
});

describe.skipIf(!POSIX)("a multi-call program", () => {
	/** What is judged of a link to it, or of itself. */
	function look(real: string, called: string) {
		using scratch = new Programs();
		scratch.program(real);
		if (called !== real) scratch.link(called, real);
		const executable = findExecutable(called, [scratch.bin], "/");
		if (!executable) throw new Error(`${called} was not found`);
		return {
			names: judgedNames(called, executable),
			multiCall: isMultiCall(executable),
			itself: multiCallAsItself(executable) !== undefined,
		};
	}

	it.each(["busybox", "toybox", "coreutils"])(
		"is judged by the applet's name: %s",
		(real) => {
			expect(look(real, "ls")).toEqual({
				names: ["ls"],
				multiCall: true,
				itself: false,
			});
			expect(look(real, "rm").names).toContain("rm");
		},
	);

	// busybox takes every name that starts with its own for its own (applets.c).
	it.each([
		"busybox",
		"busybox-1.36",
		"busybox.static",
		"busybox-x86_64",
		"busybox1.36",
	])("acts as itself by the name %s", (name) => {
		expect(look(name, name)).toMatchObject({ multiCall: true, itself: true });
		expect(look("busybox", name)).toMatchObject({
			multiCall: true,
			itself: true,
		});
		expect(look(name, name).names).toContain("busybox");
	});

	it("is no other program, which is judged by its real name too", () => {
		expect(look("python3.11", "python")).toEqual({
			names: ["python", "python3.11"],
			multiCall: false,
			itself: false,
		});
		expect(look("bash", "innocent").names).toContain("bash");
	});
});
