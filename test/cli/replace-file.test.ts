import { describe, expect, it } from "bun:test";
import {
	chmodSync,
	lstatSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { readTextFile, replaceTextFile } from "../../src/cli/replace-file.ts";
import { Scratch } from "../support/server.ts";

describe("replaceTextFile", () => {
	it("keeps the old text beside the new one, and the file's mode", () => {
		using scratch = new Scratch();
		const path = scratch.write("a.json", "old");
		chmodSync(path, 0o640);
		const backup = replaceTextFile(readTextFile(path), "new");
		expect(readFileSync(path, "utf8")).toBe("new");
		expect(backup).toMatch(/\/a\.json\.\d{8}T\d{9}Z\.backup$/);
		expect(readFileSync(backup ?? "", "utf8")).toBe("old");
		for (const each of [path, backup ?? ""])
			expect(statSync(each).mode & 0o777).toBe(0o640);
		expect(readdirSync(scratch.path)).toHaveLength(2);
	});

	it("makes a file and its folders, for its owner alone", () => {
		using scratch = new Scratch();
		const path = join(scratch.path, "a/b/c.json");
		expect(replaceTextFile(readTextFile(path), "new")).toBeUndefined();
		expect(readFileSync(path, "utf8")).toBe("new");
		expect(statSync(path).mode & 0o777).toBe(0o600);
		expect(readdirSync(join(scratch.path, "a/b"))).toEqual(["c.json"]);
	});

	it("changes what a link leads to, and leaves the link", () => {
		using scratch = new Scratch();
		mkdirSync(join(scratch.path, "dotfiles"));
		const real = scratch.write("dotfiles/a.json", "old");
		const link = join(scratch.path, "a.json");
		symlinkSync("dotfiles/a.json", link);
		const backup = replaceTextFile(readTextFile(link), "new");
		expect(lstatSync(link).isSymbolicLink()).toBe(true);
		expect(readFileSync(real, "utf8")).toBe("new");
		expect(backup).toStartWith(`${real}.`);
	});

	it.each([
		["is changed", (path: string) => writeFileSync(path, "theirs")],
		[
			"comes to be there",
			(path: string) => writeFileSync(`${path}.other`, "theirs"),
		],
	] as const)("does not overwrite what %s in the meantime", (_, change) => {
		using scratch = new Scratch();
		const path = join(scratch.path, "a.json");
		const comes = change.length === 1 && _ === "comes to be there";
		const target = comes ? `${path}.other` : path;
		if (!comes) writeFileSync(path, "mine");
		const file = readTextFile(target);
		change(path);
		const before = readdirSync(scratch.path);
		expect(() => replaceTextFile(file, "new")).toThrow("at the same time");
		expect(readFileSync(target, "utf8")).toBe("theirs");
		expect(readdirSync(scratch.path)).toEqual(before);
	});
});

describe("readTextFile", () => {
	it("refuses a link that leads nowhere, a folder, and what is not text", () => {
		using scratch = new Scratch();
		const link = join(scratch.path, "link");
		symlinkSync(join(scratch.path, "nowhere"), link);
		expect(() => readTextFile(link)).toThrow("ENOENT");
		expect(() => readTextFile(scratch.path)).toThrow("not a file");
		const bytes = join(scratch.path, "bytes");
		writeFileSync(bytes, Buffer.from([0x7b, 0xff, 0x7d]));
		expect(() => readTextFile(bytes)).toThrow();
	});
});
