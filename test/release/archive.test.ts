import { describe, expect, it } from "bun:test";
import { join } from "node:path";
import { type Entry, tarGz, zip } from "../../.github/release/archive.ts";
import { Scratch } from "../support/server.ts";

const ENTRIES: readonly Entry[] = [
	{ name: "a/run", data: Buffer.from("#!/bin/sh\n"), executable: true },
	{ name: "a/empty", data: new Uint8Array() },
	{ name: "a/block", data: Buffer.alloc(1024, "x") },
];

describe.each([
	["a tar archive", tarGz, ["tar", "-xzf"], "tar"],
	["a zip archive", zip, ["unzip", "-q"], "unzip"],
] as const)("%s", (_, make, command, tool) => {
	it.skipIf(Bun.which(tool) === null)(
		"is unpacked by the system's own program, with what is executable",
		async () => {
			using scratch = new Scratch();
			const path = join(scratch.path, "archive");
			await Bun.write(path, await make(ENTRIES));
			const { success } = Bun.spawnSync([...command, path], {
				cwd: scratch.path,
			});
			expect(success).toBe(true);
			for (const { name, data, executable } of ENTRIES) {
				const file = Bun.file(join(scratch.path, name));
				expect(await file.bytes()).toEqual(new Uint8Array(data));
				const { mode } = await file.stat();
				expect(Boolean(mode & 0o100)).toBe(executable ?? false);
			}
		},
	);

	it("depends on nothing but what it holds", async () => {
		const first = await make(ENTRIES);
		await Bun.sleep(1);
		expect(Buffer.from(await make(ENTRIES)).equals(first)).toBe(true);
	});
});
