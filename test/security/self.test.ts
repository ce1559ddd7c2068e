import { describe, expect, it } from "bun:test";
import { fingerprint } from "../../src/security/executable.ts";
import { isSelf } from "../../src/security/self.ts";
import { Scratch } from "../support/server.ts";

describe("isSelf", () => {
	it("tells files apart by every bit of their ids, of which Windows uses all 64", () => {
		using scratch = new Scratch();
		const path = scratch.write("other", "another program");
		const other = { requested: path, found: path, real: path };
		const executable = { ...other, ...fingerprint(path) };
		const id = 2n ** 62n;
		const self = { path, device: 1n, inode: id, size: 1 };
		const same = { ...executable, device: 1n, inode: id };
		expect(isSelf(same, self)).toBe(true);
		expect(isSelf({ ...same, inode: id + 1n }, self)).toBe(false);
		expect(isSelf({ ...same, device: 2n }, self)).toBe(false);
	});

	it("takes ids from the system as they are", () => {
		const { device, inode, changed } = fingerprint(import.meta.path);
		for (const part of [device, inode, changed])
			expect(part).toBeTypeOf("bigint");
	});
});
