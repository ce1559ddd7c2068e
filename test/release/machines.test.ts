import {
	afterAll,
	beforeAll,
	describe,
	expect,
	it,
	setDefaultTimeout,
} from "bun:test";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Guarantee } from "../../src/platform/platform.ts";
import { runCommand } from "../support/command.ts";
import { fixture, PYTHON } from "../support/programs.ts";
import {
	isAlive,
	type Program,
	Scratch,
	TestServer,
} from "../support/server.ts";
import { wholeSession } from "../support/session.ts";
import { MUSL, makeStandardLibrary, muslMissing } from "./musl.ts";

const START = 180_000;
setDefaultTimeout(START);

const ROOT = join(import.meta.dir, "../..");
const FOLDER = join(ROOT, "dist", "machines");

/** The program compiled for another machine, with the commit that is here. */
function compiled(target: string): string {
	mkdirSync(FOLDER, { recursive: true });
	const command = ["build.ts", "--target", target, "--out", FOLDER];
	const { success, stderr } = Bun.spawnSync([process.execPath, ...command], {
		cwd: ROOT,
	});
	if (!success) throw new Error(stderr.toString());
	return join(FOLDER, `mcp-process-${target}`);
}

/** Says why a machine's tests don't run, or fails where they have to. */
function told(missing: string | undefined, variable: string) {
	if (missing === undefined) return false;
	const text = `not tested: ${missing}`;
	if (process.env[variable] === "1") throw new Error(text);
	console.warn(text);
	return true;
}

const QEMU = Bun.which("qemu-aarch64");
const ARM64_LIBRARIES = "/usr/aarch64-linux-gnu";
const noArm64 = told(
	QEMU === null || !existsSync(ARM64_LIBRARIES)
		? "linux-arm64: qemu-user or libc6-arm64-cross is not installed"
		: undefined,
	"MCP_PROCESS_REQUIRE_ARM64",
);

describe.skipIf(noArm64)("the program for linux-arm64", () => {
	const binary = noArm64 ? "" : compiled("linux-arm64");
	const program = (): Program => ({
		command: QEMU ?? "",
		args: ["-L", ARM64_LIBRARIES, binary],
		env: {},
		path: (path) => path,
	});

	it("carries out a person's commands", async () => {
		using scratch = new Scratch();
		const { command, args } = program();
		const run = (...more: readonly string[]) =>
			runCommand([...args, ...more], { cwd: scratch.path, binary: command });
		expect((await run("--version")).stdout).toContain(", linux-arm64, ");
		expect(await run("--create-config")).toMatchObject({ code: 0, stderr: "" });
		expect(await run("check")).toMatchObject({ code: 0, stderr: "" });
	});

	it("serves a whole session, whose programs are this machine's", async () => {
		await wholeSession({ program: program() }, isAlive);
	});

	// Emulated, each start takes seconds.
	let started: TestServer | undefined;
	beforeAll(async () => {
		if (!noArm64)
			started = await TestServer.start(
				{ allowedExecutables: [PYTHON] },
				{ program: program() },
			);
	}, START);
	afterAll(() => started?.[Symbol.asyncDispose]());
	const shared = () => {
		if (started === undefined) throw new Error("it has not been started");
		return started;
	};

	it("kills a tree whose members don't care about SIGTERM", async () => {
		const server = shared();
		const { pid } = await server.ok("process_start", {
			executable: PYTHON,
			args: [fixture("stubborn-children.py"), "3", "600"],
		});
		await server.waitForOutput(pid, "ready");
		const list = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
		const members = [pid, ...list.trim().split(" ").map(Number)];
		expect(members.filter(isAlive)).toHaveLength(4);
		const ended = await server.ok("process_terminate", { pid, timeout: 200 });
		expect(ended).toMatchObject({ terminationReason: "forced", survivors: [] });
		expect(members.filter(isAlive)).toEqual([]);
	});

	// Debian's emulator refuses PR_SET_CHILD_SUBREAPER; one that knows it leaves nothing weaker.
	it("says at the start and in doctor when the emulator lets it adopt nothing", async () => {
		using scratch = new Scratch();
		const { command, args } = program();
		const { stdout } = await runCommand([...args, "doctor", "--json"], {
			cwd: scratch.path,
			binary: command,
		});
		const { guarantees } = JSON.parse(stdout) as {
			guarantees: readonly Guarantee[];
		};
		const daemons = guarantees.find(({ id }) => id === "tree.daemons");
		const isAdopted = daemons?.how.startsWith("adopted") ?? false;
		expect(shared().stderr.includes("PR_SET_CHILD_SUBREAPER")).toBe(!isAdopted);
	});
});

const noMusl = told(muslMissing(), "MCP_PROCESS_REQUIRE_MUSL");

describe.skipIf(noMusl)("the program for linux-x64-musl", () => {
	it("serves a whole session", async () => {
		const binary = compiled("linux-x64-musl");
		const program: Program = {
			command: binary,
			args: [],
			env: { LD_LIBRARY_PATH: makeStandardLibrary(binary, FOLDER) },
			path: (path) => path,
		};
		const version = await runCommand(["--version"], {
			cwd: FOLDER,
			binary,
			env: program.env,
		});
		expect(version.stdout).toContain(", linux-x64-musl, ");
		const doctor = await runCommand(["doctor"], {
			cwd: FOLDER,
			binary,
			env: program.env,
		});
		expect(doctor).toMatchObject({ code: 0, stderr: "" });
		await wholeSession({ program }, isAlive);
	});

	it(`is one for ${MUSL}`, () => {
		const header = Bun.spawnSync([
			"readelf",
			"--program-headers",
			join(FOLDER, "mcp-process-linux-x64-musl"),
		]);
		expect(header.stdout.toString()).toContain(MUSL);
	});
});
