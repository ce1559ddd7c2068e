import { describe, expect, it } from "bun:test";
import { chmodSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { allowedBy, failure, marked } from "../support/load.ts";
import { Scratch } from "../support/server.ts";

const POSIX = process.platform !== "win32";

describe.skipIf(!POSIX)("a file that others can change", () => {
	it("is refused where every user can write it", () => {
		using scratch = new Scratch();
		const path = scratch.write("p.json", marked("x"));
		for (const mode of [0o666, 0o646, 0o602]) {
			chmodSync(path, mode);
			expect(failure({ path, env: {}, cwd: "/" })).toBe(
				`${path}: every user can write this file; run: chmod o-w ${path}`,
			);
		}
		chmodSync(path, 0o664);
		expect(allowedBy({ path, env: {}, cwd: "/" })).toEqual(["x"]);
	});

	it("is refused where every user can replace it, unless the folder is sticky", () => {
		using scratch = new Scratch();
		const folder = join(scratch.path, "open");
		mkdirSync(folder);
		const path = scratch.write("open/p.json", marked("x"));
		chmodSync(folder, 0o777);
		const message = failure({ path, env: {}, cwd: "/" });
		expect(message).toContain("every user can replace this file");
		expect(message).toContain(`chmod o-w ${folder}`);
		chmodSync(folder, 0o1777);
		expect(allowedBy({ path, env: {}, cwd: "/" })).toEqual(["x"]);
	});

	it("is refused through a link too", () => {
		using scratch = new Scratch();
		const path = scratch.write("p.json", marked("x"));
		chmodSync(path, 0o666);
		const link = join(scratch.path, "link.json");
		symlinkSync(path, link);
		expect(failure({ path: link, env: {}, cwd: "/" })).toContain(
			"every user can write this file",
		);
	});

	it("is refused where a link leads to a folder in which every user can replace it", () => {
		using scratch = new Scratch();
		const folder = join(scratch.path, "open");
		mkdirSync(folder);
		const path = scratch.write("open/p.json", marked("x"));
		chmodSync(folder, 0o777);
		const link = join(scratch.path, "link.json");
		symlinkSync(path, link);
		expect(failure({ path: link, env: {}, cwd: "/" })).toContain(
			"every user can replace this file",
		);
	});
});
