import { describe, expect, it } from "bun:test";
import {
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { CommandError } from "../../src/cli/command.ts";
import { createConfig } from "../../src/cli/create-config.ts";
import { loadConfig } from "../../src/config/load.ts";
import { SAMPLE_CONFIG } from "../../src/config/sample.ts";
import { Scratch } from "../support/server.ts";

/** What `createConfig` complains of. */
function complaint(path: string, force = false): CommandError {
	try {
		createConfig(path, force);
	} catch (error) {
		if (error instanceof CommandError) return error;
		throw error;
	}
	throw new Error(`${path} was written`);
}

describe("createConfig", () => {
	it("writes a configuration that the server takes, and says where", () => {
		using scratch = new Scratch();
		const path = join(scratch.path, "policy.json");
		const told = createConfig(path, false);
		expect(told).toContain(`Wrote ${path}\n`);
		expect(told).toContain(`--config ${path}`);
		expect(readFileSync(path, "utf8")).toBe(SAMPLE_CONFIG);
		const { config, source } = loadConfig({ path, env: {}, cwd: "/" });
		expect(source).toEqual({ kind: "file", path });
		expect(config.allowedExecutables).toContain("node");
	});

	it("tells the absolute path of a relative one", () => {
		using scratch = new Scratch();
		const before = process.cwd();
		process.chdir(scratch.path);
		try {
			const told = createConfig("policy.json", false);
			expect(told).toContain(join(process.cwd(), "policy.json"));
		} finally {
			process.chdir(before);
		}
		expect(existsSync(join(scratch.path, "policy.json"))).toBe(true);
	});

	it.skipIf(process.platform === "win32")(
		"writes a file that not every user can write",
		() => {
			using scratch = new Scratch();
			const path = join(scratch.path, "policy.json");
			const umask = process.umask(0);
			try {
				createConfig(path, false);
			} finally {
				process.umask(umask);
			}
			expect(statSync(path).mode & 0o022).toBe(0);
		},
	);

	it("leaves a file that is there, and says how to overwrite it", () => {
		using scratch = new Scratch();
		const path = scratch.write("policy.json", "{}");
		const { message, exitCode } = complaint(path);
		expect(exitCode).toBe(1);
		expect(message).toContain(path);
		expect(message).toContain("--force");
		expect(readFileSync(path, "utf8")).toBe("{}");
	});

	it("overwrites it when forced, whole", () => {
		using scratch = new Scratch();
		const path = scratch.write("policy.json", "x".repeat(100_000));
		createConfig(path, true);
		expect(readFileSync(path, "utf8")).toBe(SAMPLE_CONFIG);
	});

	it.skipIf(process.platform === "win32")(
		"does not write through a link that leads nowhere",
		() => {
			using scratch = new Scratch();
			const path = join(scratch.path, "policy.json");
			const elsewhere = join(scratch.path, "elsewhere");
			symlinkSync(elsewhere, path);
			expect(complaint(path).exitCode).toBe(1);
			expect(existsSync(elsewhere)).toBe(false);
		},
	);

	it("says what it can't write, and why", () => {
		using scratch = new Scratch();
		const file = scratch.write("file", "");
		const folder = join(scratch.path, "folder");
		mkdirSync(folder);
		writeFileSync(join(folder, "x"), "");
		const path = join(file, "policy.json");
		const { message, exitCode } = complaint(path);
		expect(exitCode).toBe(1);
		expect(message).toStartWith(`${path} can't be written: `);
		expect(message).not.toContain("\n");
		for (const force of [false, true])
			expect(complaint(folder, force)).toMatchObject({
				exitCode: 1,
				message: `${folder} is a directory; name a file, as ${join(folder, "mcp-process.json")}`,
			});
		expect(readdirSync(scratch.path).toSorted()).toEqual(["file", "folder"]);
	});
});
