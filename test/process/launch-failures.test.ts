import { describe, expect, it } from "bun:test";
import { rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ProcessError } from "../../src/errors.ts";
import { launch } from "../../src/process/launcher.ts";
import type { Admitted } from "../../src/security/gate.ts";
import { newDescriptors, openDescriptors } from "../support/descriptors.ts";
import { admit } from "../support/gate.ts";
import { platform, run } from "../support/managed.ts";
import { eventually, Scratch } from "../support/server.ts";

const LINUX = process.platform === "linux";
const STREAMS = { capture: true, input: true };

/** Launches what the system has to refuse, and returns its complaint. */
function refusal(admitted: Admitted): ProcessError {
	try {
		launch(admitted, STREAMS, platform);
	} catch (error) {
		if (error instanceof ProcessError) return error;
		throw error;
	}
	throw new Error(`${admitted.executable.real} was started`);
}

/** A launch of a file with this text, which passes the gate. */
async function script(
	scratch: Scratch,
	text: string,
	mode = 0o755,
): Promise<Admitted> {
	return admit(scratch.write("tool", text, mode));
}

describe.skipIf(process.platform === "win32")("a failed launch", () => {
	it("names the interpreter that is missing", async () => {
		using scratch = new Scratch();
		const error = refusal(await script(scratch, "#!/no/such/perl -w\n"));
		expect(error.code).toBe("SPAWN_FAILED");
		expect(error.message).toContain("/no/such/perl");
		expect(error.details).toMatchObject({ systemCode: "ENOENT" });
	});

	it("says of a text file without a first line #! that it is no program", async () => {
		using scratch = new Scratch();
		const error = refusal(await script(scratch, "echo hello\n"));
		expect(error.code).toBe("SPAWN_FAILED");
		expect(error.message).toContain("#!");
		expect(error.details).toMatchObject({ systemCode: "ENOEXEC" });
	});

	it("says of a program for another machine that it is none for this one", async () => {
		using scratch = new Scratch();
		const error = refusal(await script(scratch, "\x7fELF\x09\x09garbage"));
		expect(error.code).toBe("SPAWN_FAILED");
		expect(error.message).toContain("this machine");
	});

	it("says that an empty file is no program", async () => {
		using scratch = new Scratch();
		expect(refusal(await script(scratch, "")).code).toBe("SPAWN_FAILED");
	});

	it("says who may not execute what", async () => {
		using scratch = new Scratch();
		const error = refusal(await script(scratch, "#!/bin/sh\n", 0o644));
		expect(error.code).toBe("PERMISSION_DENIED");
		expect(error.message).toContain(join(scratch.path, "tool"));
		expect(error.remediation).toContain("chmod +x");
	});

	it("names the directory that vanished, not the program", async () => {
		using scratch = new Scratch();
		const cwd = join(scratch.path, "gone");
		await mkdir(cwd);
		const admitted = await admit("/bin/echo", [], { cwd });
		rmSync(cwd, { recursive: true });
		const error = refusal(admitted);
		expect(error.code).toBe("INVALID_WORKING_DIRECTORY");
		expect(error.message).toContain(cwd);
	});

	it("says that the program vanished", async () => {
		using scratch = new Scratch();
		const admitted = await script(scratch, "#!/bin/sh\n");
		rmSync(admitted.executable.real);
		const error = refusal(admitted);
		expect(error.code).toBe("SPAWN_FAILED");
		expect(error.message).toContain("is gone");
	});

	it.skipIf(!LINUX)(
		"says that arguments are too long for the system",
		async () => {
			// One argument may have 128 KB (execve(2), MAX_ARG_STRLEN).
			const error = refusal(await admit("/bin/echo", ["x".repeat(2 ** 20)]));
			expect(error.code).toBe("SPAWN_FAILED");
			expect(error.message).toContain("Argument list too long");
			expect(error.details).toMatchObject({ systemCode: "E2BIG" });
		},
	);

	it("leaves the next launch as it was", async () => {
		using scratch = new Scratch();
		refusal(await script(scratch, "#!/no/such/perl\n"));
		await using running = await run("/bin/echo", ["fine"]);
		await running.process.ended;
		expect(running.stdout).toBe("fine\n");
	});
});

describe.skipIf(!LINUX)("file descriptors", () => {
	it("are given back by launches that fail", async () => {
		using scratch = new Scratch();
		const missing = await script(scratch, "#!/no/such/perl\n");
		const tooLong = await admit("/bin/echo", ["x".repeat(2 ** 20)]);
		refusal(missing);
		const before = openDescriptors();
		for (let count = 0; count < 50; count++) {
			refusal(missing);
			refusal(tooLong);
		}
		expect(newDescriptors(before)).toEqual([]);
	});

	it("are given back by processes that ended, whichever streams they had", async () => {
		const rounds = [
			{ capture: true, input: true },
			{ capture: true, input: false },
			{ capture: false, input: true },
			{ capture: false, input: false },
		];
		const round = async () => {
			for (const streams of rounds) {
				await using running = await run("/bin/echo", ["hello"], streams);
				await running.process.ended;
			}
		};
		await round();
		const before = openDescriptors();
		for (let count = 0; count < 10; count++) await round();
		await eventually(
			() => (newDescriptors(before).length === 0 ? true : undefined),
			`these to be closed: ${newDescriptors(before).join(", ")}`,
		);
		expect(newDescriptors(before)).toEqual([]);
	});

	it("are few for a running process", async () => {
		await using first = await run("/bin/cat", [], { input: true });
		const before = openDescriptors();
		await using second = await run("/bin/cat", [], { input: true });
		// Three pipes' near ends, the two that the runtime reads by, and what watches it.
		expect(newDescriptors(before).length).toBeLessThanOrEqual(6);
		expect(first.process.state).toBe("running");
		expect(second.process.state).toBe("running");
	});

	it("that an ended process's child still holds are read on, and closed at its end", async () => {
		const before = openDescriptors();
		await using running = await run("/bin/sh", [
			"-c",
			"(sleep 0.2; echo later) & echo sooner",
		]);
		await running.process.ended;
		await running.says(/sooner\nlater\n/);
		await eventually(
			() =>
				newDescriptors(before).some((line) => line.includes("pipe:"))
					? undefined
					: true,
			"the pipes to be closed",
		);
		expect(running.process.stdout.ended).toBe(true);
	});
});
