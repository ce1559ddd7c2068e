import { describe, expect, it } from "bun:test";
import { interpreterOf, parseShebang } from "../../src/security/script.ts";
import { Scratch } from "../support/server.ts";

describe("a script's first line", () => {
	it.each([
		["#!/bin/sh\n", "/bin/sh", "sh"],
		["#! /bin/bash -e\n", "/bin/bash", "bash"],
		["#!\t/usr/bin/env bash\n", "/usr/bin/env", "bash"],
		["#!/usr/bin/env -S node --flag\n", "/usr/bin/env", "node"],
		["#!/usr/bin/env -S A=1 zsh\n", "/usr/bin/env", "zsh"],
		["#!/usr/bin/env", "/usr/bin/env", "env"],
		["#!/usr/bin/python3", "/usr/bin/python3", "python3"],
	])("%p names its interpreter", (text, path, name) => {
		expect(parseShebang(text)).toEqual({ path, name });
	});

	it.each(["", "#!", "#!\n/bin/sh", "#/bin/sh", " #!/bin/sh", "\x7fELF"])(
		"%p names none",
		(text) => {
			expect(parseShebang(text)).toBeUndefined();
		},
	);

	it("is read from a file, and from nothing where there is none", () => {
		using scratch = new Scratch();
		const script = scratch.write("script", "#!/bin/dash\nexit 0\n");
		expect(interpreterOf(script)).toEqual({ path: "/bin/dash", name: "dash" });
		expect(interpreterOf(`${scratch.path}/absent`)).toBeUndefined();
		expect(interpreterOf(scratch.path)).toBeUndefined();
	});
});
