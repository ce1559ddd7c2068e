import { describe, expect, it } from "bun:test";
import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import {
	isListed,
	matchingRules,
	names,
	toRules,
} from "../../src/security/allowlist.ts";
import { findExecutable } from "../../src/security/executable.ts";
import { Programs } from "../support/policy-gate.ts";

/** Whether an entry means the file that a name leads to. */
function means(
	scratch: Programs,
	entry: string,
	name: string,
	cwd = scratch.root,
): boolean {
	const executable = findExecutable(name, [scratch.bin], cwd);
	if (!executable) throw new Error(`${name} was not found`);
	return names(entry, executable, [scratch.bin]);
}

describe.skipIf(process.platform === "win32")(
	"an entry that is a bare name",
	() => {
		it("means the file that PATH gives, by name and by path", () => {
			using scratch = new Programs();
			const tool = scratch.program("tool");
			expect(means(scratch, "tool", "tool")).toBe(true);
			expect(means(scratch, "tool", tool)).toBe(true);
			expect(means(scratch, "tool", "./bin/tool")).toBe(true);
		});

		it("means no file of that name elsewhere", () => {
			using scratch = new Programs();
			scratch.program("tool");
			const other = scratch.program("project/tool");
			const copied = scratch.link("project/linked/tool", other);
			expect(means(scratch, "tool", other)).toBe(false);
			expect(
				means(scratch, "tool", "./tool", join(scratch.root, "project")),
			).toBe(false);
			expect(means(scratch, "tool", copied)).toBe(false);
			expect(means(scratch, "absent", other)).toBe(false);
		});

		it("means a virtual environment's link to the same interpreter", () => {
			using scratch = new Programs();
			scratch.program("lib/python3.11");
			scratch.link("python3", join(scratch.root, "lib/python3.11"));
			const venv = scratch.link(
				".venv/bin/python3",
				join(scratch.bin, "python3"),
			);
			const plain = scratch.link(".venv/bin/python", "python3");
			expect(means(scratch, "python3", venv)).toBe(true);
			expect(means(scratch, "python3", plain)).toBe(true);
			expect(
				means(scratch, "python3", join(scratch.root, "lib/python3.11")),
			).toBe(true);
		});

		it("means no link in a virtual environment to another interpreter", () => {
			using scratch = new Programs();
			scratch.program("python3");
			const foreign = scratch.program("opt/python3");
			const venv = scratch.link(".venv/bin/python3", foreign);
			expect(means(scratch, "python3", venv)).toBe(false);
		});

		it("means no other applet of the same multi-call program", () => {
			using scratch = new Programs();
			for (const real of ["busybox", "toybox", "coreutils", "busybox.static"]) {
				scratch.program(real);
				const ls = scratch.link(`${real}-links/ls`, join(scratch.bin, real));
				const wget = scratch.link(
					`${real}-links/wget`,
					join(scratch.bin, real),
				);
				const directories = [join(scratch.root, `${real}-links`)];
				const asked = findExecutable(wget, directories, "/");
				const meant = findExecutable(ls, directories, "/");
				if (!asked || !meant) throw new Error("not found");
				expect([real, names("ls", asked, directories)]).toEqual([real, false]);
				expect([real, names("ls", meant, directories)]).toEqual([real, true]);
			}
		});

		// `rustup run`, `mise exec` and their like start any program.
		it.each(["rustup", "mise", "volta-shim"])(
			"means no more than its own name of a proxy: %s",
			(proxy) => {
				using scratch = new Programs();
				const real = scratch.program(proxy);
				scratch.link("cargo", proxy);
				scratch.link("rustc", proxy);
				expect(means(scratch, "cargo", "cargo")).toBe(true);
				expect(means(scratch, "cargo", "rustc")).toBe(false);
				expect(means(scratch, "cargo", proxy)).toBe(false);
				expect(means(scratch, "cargo", real)).toBe(false);
			},
		);

		it("means the file to which PATH leads at the time", () => {
			using scratch = new Programs();
			const one = scratch.program("opt/one/tool");
			const two = scratch.program("opt/two/tool");
			const link = scratch.link("tool", one);
			expect(means(scratch, "tool", two)).toBe(false);
			rmSync(link);
			scratch.link("tool", two);
			expect(means(scratch, "tool", two)).toBe(true);
			expect(means(scratch, "tool", one)).toBe(false);
		});
	},
);

describe.skipIf(process.platform === "win32")(
	"the rules for an executable",
	() => {
		it("are all that name it, in their order", () => {
			using scratch = new Programs();
			scratch.program("tool");
			const executable = findExecutable("tool", [scratch.bin], "/");
			if (!executable) throw new Error("not found");
			const rules = toRules([
				"other",
				"tool",
				{ executable: `${scratch.bin}/*` },
				{ executable: "tool", blockedArguments: ["x"] },
			]);
			const matching = matchingRules(executable, rules, [scratch.bin]);
			expect(matching.map(({ index }) => index)).toEqual([1, 2, 3]);
			expect(matchingRules(executable, [], [scratch.bin])).toEqual([]);
		});
	},
);

describe.skipIf(process.platform === "win32")("isListed", () => {
	it("knows what would be allowed if it were there", () => {
		const rules = toRules(["node", "/opt/tool", "/opt/tools/*"]);
		for (const name of ["node", "/opt/tool", "/opt/tools/missing"])
			expect([name, isListed(name, resolve("/srv", name), rules)]).toEqual([
				name,
				true,
			]);
		for (const name of ["tool", "/srv/node", "/opt/tools/a/b", ""])
			expect([name, isListed(name, resolve("/srv", name), rules)]).toEqual([
				name,
				false,
			]);
	});
});
