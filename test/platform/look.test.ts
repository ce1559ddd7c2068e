import { describe, expect, it } from "bun:test";
import { readFileSync } from "node:fs";
import { readIfThere, readRecord } from "../../src/platform/look.ts";
import { openDescriptors } from "../support/descriptors.ts";
import { Scratch } from "../support/server.ts";

describe("readRecord", () => {
	it.each([0, 1, 4095, 4096, 4097, 100_000])(
		"gives all of a file of %d bytes, and leaves nothing open",
		(length) => {
			using scratch = new Scratch();
			const text = "é".repeat(length >> 1) + "x".repeat(length & 1);
			const path = scratch.write("file", text);
			// The first look of all keeps a descriptor for when there is no other.
			readRecord("/dev/null");
			const before = openDescriptors().size;
			expect(readRecord(path)).toBe(text);
			expect(openDescriptors().size).toBe(before);
		},
	);

	it("gives nothing where there is nothing", () => {
		for (const read of [readRecord, readIfThere]) {
			expect(read("/proc/4194305/stat")).toBeUndefined();
			expect(read(`${import.meta.path}/none`)).toBeUndefined();
		}
	});

	it.skipIf(process.platform !== "linux")(
		"gives what the kernel's records hold",
		() => {
			const before = openDescriptors().size;
			for (const name of ["limits", "status", "stat"]) {
				const path = `/proc/self/${name}`;
				const [first = ""] = readFileSync(path, "utf8").split("\n");
				expect(readRecord(path)).toStartWith(`${first}\n`);
			}
			expect(openDescriptors().size).toBe(before);
		},
	);
});
