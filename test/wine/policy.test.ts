import { afterAll, describe, expect, it, setDefaultTimeout } from "bun:test";
import { join } from "node:path";
import { Scratch } from "../support/server.ts";
import {
	FIXTURE,
	missing,
	runProgram,
	sharedServer,
	WineServer,
	windowsPath,
} from "./wine.ts";

setDefaultTimeout(120_000);

const SYSTEM = "C:\\windows\\system32";

describe.skipIf(missing !== undefined)("under Windows, the gate", () => {
	const server = sharedServer({
		allowedExecutables: ["cmd", `${SYSTEM}\\*`, "C:\\**"],
	});

	it.each([
		"cmd",
		"cmd.exe",
		"CMD.EXE",
		`${SYSTEM}\\cmd.exe`,
		`${SYSTEM}\\CMD.exe`,
		`${SYSTEM}\\cmd.exe.`,
		`${SYSTEM}\\cmd.exe `,
		`${SYSTEM}\\cmd.exe::$DATA`,
		`${SYSTEM}\\cmd`,
		"C:/windows/system32/cmd.exe",
		`\\\\?\\${SYSTEM}\\cmd.exe`,
		`\\\\.\\${SYSTEM}\\cmd.exe`,
		"\\windows\\system32\\cmd.exe",
		`${SYSTEM}\\..\\system32\\cmd.exe`,
	])("refuses the shell that %j means", async (executable) => {
		const { code, details, message } = await server().server.fails(
			"process_start",
			{ executable, args: ["/c", "echo", "hi"] },
		);
		expect(message).toContain("Shell interpreters are blocked");
		expect(code).toBe("SECURITY_VIOLATION");
		expect(details).toMatchObject({ violation: "shell_interpreter" });
	});
});

describe.skipIf(missing !== undefined)("under Windows, the gate", () => {
	const server = sharedServer({ allowedExecutables: [`${SYSTEM}\\*`] });

	it.each(["reg", "TASKKILL.EXE", `${SYSTEM}\\net.exe`, "format.com"])(
		"refuses %j as dangerous",
		async (executable) => {
			expect(
				await server().server.fails("process_start", { executable }),
			).toMatchObject({ details: { violation: "dangerous_executable" } });
		},
	);
});

describe.skipIf(missing !== undefined)("under Windows, the gate", () => {
	const server = sharedServer();

	it.each([
		`${FIXTURE}.`,
		`${FIXTURE} `,
		`${FIXTURE}::$DATA`,
		`${FIXTURE}:x.exe`,
	])("refuses %j for an allowed program", async (executable) => {
		expect(
			await server().server.fails("process_start", { executable }),
		).toMatchObject({ code: "SECURITY_VIOLATION" });
	});
});

describe.skipIf(missing !== undefined)("under Windows, the gate", () => {
	it("takes names as Windows does: of any case, with and without .exe", async () => {
		await using wine = await WineServer.start({
			allowedExecutables: ["fixture"],
		});
		for (const executable of [
			"fixture",
			"Fixture.EXE",
			FIXTURE.toUpperCase(),
		]) {
			const { pid } = await wine.server.ok("process_start", {
				executable,
				args: ["exit", "0"],
			});
			expect(await wine.server.waitForEnd(pid)).toMatchObject({ exitCode: 0 });
		}
		expect(
			await wine.server.fails("process_start", {
				executable: `${SYSTEM}\\hostname.exe`,
			}),
		).toMatchObject({ details: { violation: "not_in_allowlist" } });
	});

	it("does not look for a bare name in the working directory", async () => {
		using scratch = new Scratch();
		await Bun.write(
			join(scratch.path, "planted.exe"),
			Bun.file(join(import.meta.dir, "../../dist/wine/fixture.exe")),
		);
		await using wine = await WineServer.start({
			allowedExecutables: ["planted"],
		});
		const { code } = await wine.server.fails("process_start", {
			executable: "planted",
			cwd: windowsPath(scratch.path),
		});
		expect(code).toMatch(/EXECUTABLE_NOT_FOUND|SECURITY_VIOLATION/);
	});

	it("keeps to allowed directories, however they are written", async () => {
		using scratch = new Scratch();
		const inside = windowsPath(scratch.path);
		await using wine = await WineServer.start({
			allowedExecutables: [FIXTURE],
			allowedWorkingDirectories: [inside],
		});
		for (const cwd of [
			inside,
			inside.toUpperCase(),
			inside.replaceAll("\\", "/"),
		]) {
			const { pid } = await wine.server.ok("process_start", {
				executable: FIXTURE,
				args: ["exit", "0"],
				cwd,
			});
			await wine.server.waitForEnd(pid);
		}
		for (const cwd of [`${inside}\\..`, `${inside}x`, "C:\\", "\\\\?\\C:\\"])
			expect(
				await wine.server.fails("process_start", {
					executable: FIXTURE,
					args: ["exit", "0"],
					cwd,
				}),
			).toMatchObject({
				details: { violation: "working_directory_restricted" },
			});
	});
});

describe.skipIf(missing !== undefined)("under Windows, a batch file", () => {
	const scratch = new Scratch();
	afterAll(() => scratch[Symbol.dispose]());
	const script = (name: string) =>
		windowsPath(scratch.write(name, "@echo off\r\necho [%~1]\r\n"));
	const [command, batch] = [script("hello.cmd"), script("HELLO.BAT")];
	const server = sharedServer({
		allowedExecutables: [command, batch],
		argumentValidation: "literal",
	});

	it("gets arguments in which cmd.exe finds nothing", async () => {
		await using wine = await WineServer.start({
			allowedExecutables: [command],
		});
		const { pid } = await wine.server.ok("process_start", {
			executable: command,
			args: ["plain-text_1"],
		});
		const { stdout } = await wine.server.outputOf(pid);
		expect(stdout).toContain("[plain-text_1]");
	});

	it.each([
		["a&calc", command],
		['"&calc', command],
		["%PATH%", command],
		["a|b", batch],
		["a>b", command],
		["!x!", command],
		["a^b", command],
		["a\nb", command],
	])("is refused the argument %j", async (argument, path) => {
		for (const executable of [path, path.toUpperCase()])
			expect(
				await server().server.fails("process_start", {
					executable,
					args: [argument],
				}),
			).toMatchObject({ details: { violation: "argument_injection" } });
	});
});

describe.skipIf(missing !== undefined)(
	"under Windows, the command line",
	() => {
		it.each([
			["Q:\\state\\audit.log", false],
			["C:\\state\\audit.log", true],
		])("tells whether an audit log can be written: %s", (path, can) => {
			using scratch = new Scratch();
			const text = JSON.stringify({ auditLogPath: path });
			const config = windowsPath(scratch.write("config.json", text));
			const { stdout, exitCode } = runProgram("check", "--config", config);
			expect(exitCode).toBe(0);
			expect(stdout.includes("The audit log can't be written")).toBe(!can);
		});

		it("says what is wrong with a configuration, and where", () => {
			using scratch = new Scratch();
			const path = windowsPath(
				scratch.write("broken.json", '{\n  "allowedExecutable": ["node"]\n}\n'),
			);
			const { stdout, stderr, exitCode } = runProgram(
				"check",
				"--config",
				path,
			);
			expect(exitCode).toBe(1);
			expect(stdout).toBe("");
			expect(stderr).toContain(`${path}:2: `);
			expect(stderr).toContain("allowedExecutables");
		});

		it("writes a configuration that it then takes", () => {
			using scratch = new Scratch();
			const path = windowsPath(join(scratch.path, "made.json"));
			expect(runProgram("--create-config", path)).toMatchObject({
				exitCode: 0,
			});
			const { stdout, stderr, exitCode } = runProgram(
				"check",
				"--config",
				path,
			);
			expect(stderr).toBe("");
			expect(exitCode).toBe(0);
			expect(stdout).toContain(path);
		});

		it("explains a refusal", () => {
			const { stdout, exitCode } = runProgram(
				"explain",
				"--",
				"cmd",
				"/c",
				"dir",
			);
			expect(exitCode).toBe(1);
			expect(stdout).toContain("cmd.exe");
		});
	},
);
