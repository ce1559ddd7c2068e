import { afterAll, afterEach, beforeAll } from "bun:test";
import {
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { ConfigInput } from "../../src/config/schema.ts";
import { readStat } from "../../src/platform/procfs.ts";
import {
	eventually,
	isAlive,
	type Program,
	TestServer,
} from "../support/server.ts";

const ROOT = join(import.meta.dir, "../..");
const FOLDER = join(ROOT, "dist", "wine");
const PREFIX = join(FOLDER, "prefix");
const COMPILER = "x86_64-w64-mingw32-gcc";
const BINARY = join(ROOT, "dist", "mcp-process-windows-x64.exe");

/** Debian keeps it off PATH. */
const WINE = ["/usr/lib/wine/wine64", "wine64", "wine"]
	.map((name) => Bun.which(name))
	.find((path) => path !== null);

/** Why the Windows program can't be tested here; undefined where it can. */
export const missing =
	process.platform !== "linux"
		? "wine is for Linux"
		: WINE === undefined
			? "wine is not installed"
			: Bun.which(COMPILER) === null
				? `${COMPILER} is not installed`
				: undefined;

if (missing !== undefined) {
	const text = `the Windows program is not tested: ${missing}`;
	if (process.env.MCP_PROCESS_REQUIRE_WINE === "1") throw new Error(text);
	console.warn(text);
}

/** What wine itself is told; the rest of the environment is the test's. */
const ENV = {
	WINEPREFIX: PREFIX,
	WINEDEBUG: "-all",
	// Nobody is to be asked whether to install .NET and a browser.
	WINEDLLOVERRIDES: "mscoree,mshtml=",
	// Its part of PATH; the system's folders come from its registry.
	WINEPATH: windowsPath(FOLDER),
};

/** The fixture program, as Windows names it. */
export const FIXTURE = windowsPath(join(FOLDER, "fixture.exe"));

const RELAY = join(FOLDER, "relay.exe");

/** A path of this machine as wine's programs see it. */
export function windowsPath(path: string): string {
	return `Z:${path.replaceAll("/", "\\")}`;
}

/** The compiled Windows program under wine. */
export const program: Program = {
	command: WINE ?? "wine",
	args: [RELAY, windowsPath(BINARY)],
	env: ENV,
	path: windowsPath,
};

function run(command: readonly string[], env = {}): void {
	const { success, stderr } = Bun.spawnSync([...command], {
		cwd: ROOT,
		env: { ...process.env, ...env },
		stdout: "ignore",
		stderr: "pipe",
	});
	if (!success)
		throw new Error(`${command.join(" ")} failed: ${stderr.toString()}`);
}

/** ProcessPrng, which the runtime needs and older versions of wine lack. */
const PRIMITIVES = `
#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE bytes, SIZE_T count)
{
	return SystemFunction036(bytes, (ULONG)count);
}
`;

/**
 * Compiles the program and its fixtures and makes wine's folder, which takes
 * seconds; once in a run.
 */
export function prepare(): void {
	if (missing !== undefined || prepared()) return;
	mkdirSync(FOLDER, { recursive: true });
	run([process.execPath, "build.ts", "--target", "windows-x64"]);
	for (const name of ["fixture", "relay"]) {
		const source = join(import.meta.dir, `${name}.c`);
		const target = join(FOLDER, `${name}.exe`);
		run([COMPILER, "-O1", "-s", "-o", target, source, "-lshell32"]);
	}
	if (!existsSync(join(PREFIX, "system.reg")))
		run([program.command, "wineboot", "-i"], ENV);
	const primitives = join(FOLDER, "bcryptprimitives.c");
	writeFileSync(primitives, PRIMITIVES);
	const library = join(PREFIX, "drive_c/windows/system32/bcryptprimitives.dll");
	if (!existsSync(library))
		run([COMPILER, "-shared", "-s", "-o", library, primitives, "-ladvapi32"]);
	// With a program that runs all the time, wine's own services start once, and
	// don't hold the pipes of the servers. It ends when this process does.
	Bun.spawn([program.command, join(FOLDER, "fixture.exe"), "copy"], {
		env: ENV,
		stdio: ["pipe", "ignore", "ignore"],
	}).unref();
	process.env.MCP_PROCESS_WINE_PREPARED = String(process.pid);
}

/** Test files share a process, but not what their modules remember. */
function prepared(): boolean {
	return process.env.MCP_PROCESS_WINE_PREPARED === String(process.pid);
}

interface Ended {
	readonly stdout: string;
	readonly stderr: string;
	readonly exitCode: number;
}

/** Runs the Windows program until it ends. */
export function runProgram(...args: readonly string[]): Ended {
	return runUnderWine(args, {});
}

/** Runs one of the scripts here with the runtime that the program is compiled with. */
export function runScript(name: string, ...args: readonly string[]): Ended {
	const script = windowsPath(join(import.meta.dir, name));
	return runUnderWine(["run", script, ...args], { BUN_BE_BUN: "1" });
}

function runUnderWine(args: readonly string[], more: object): Ended {
	prepare();
	const { stdout, stderr, exitCode } = Bun.spawnSync(
		[program.command, windowsPath(BINARY), ...args],
		{ cwd: ROOT, env: { ...process.env, ...ENV, ...more }, timeout: 60_000 },
	);
	return { stdout: String(stdout), stderr: String(stderr), exitCode };
}

/** The server under wine, with a client; nothing of the test's outlives it. */
export class WineServer implements AsyncDisposable {
	/** An argument that only this test's processes have. */
	readonly token = `token-${crypto.randomUUID()}`;

	private constructor(readonly server: TestServer) {}

	static async start(
		config: ConfigInput = {},
		env: Readonly<Record<string, string>> = {},
	): Promise<WineServer> {
		prepare();
		return new WineServer(
			await TestServer.start(
				{ allowedExecutables: [FIXTURE], ...config },
				{ program, env },
			),
		);
	}

	/** Starts the fixture in one of its modes. */
	async launch(mode: string, more: Record<string, unknown> = {}) {
		const { pid } = await this.server.ok("process_start", {
			executable: FIXTURE,
			args: [mode, this.token],
			...more,
		});
		return Number(pid);
	}

	/** Pids, those of Linux, of this test's processes that live. */
	members(): number[] {
		return processesWith(this.token);
	}

	/** Waits until so many of them live; returns their pids. */
	async membersAre(count: number, patience = 20_000): Promise<number[]> {
		return eventually(
			() => {
				const pids = this.members();
				return pids.length === count ? pids : undefined;
			},
			() => `${count} processes with ${this.token}, not ${this.#shown()}`,
			patience,
		);
	}

	/** Its members, and the server where it lives, with their states. */
	#shown(): string {
		const servers = processesWith(windowsPath(this.server.folder));
		return [...this.members(), ...servers]
			.map((pid) => {
				const command = commandOf(pid).replaceAll("\0", " ");
				return `${pid} ${readStat(pid)?.state} ${command.slice(0, 100)}`;
			})
			.join("; ");
	}

	/** The server's own pid, that of Linux; not the relay's, which the client knows. */
	get pid(): number {
		const [pid, ...more] = processesWith(
			windowsPath(this.server.folder),
		).filter((each) => !commandOf(each).includes("relay.exe"));
		if (pid === undefined || more.length > 0)
			throw new Error("which process is the server can't be told");
		return pid;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.server[Symbol.asyncDispose]();
		endProcessesWith(this.token);
	}
}

/** Milliseconds for all that has to be made before the first server can be started. */
const START = 300_000;

/**
 * One server for all tests of a `describe`, as each start takes wine seconds. What
 * a test leaves running is ended after it.
 *
 * @returns what gives it to a test
 */
export function sharedServer(config: ConfigInput = {}): () => WineServer {
	let shared: WineServer | undefined;
	beforeAll(async () => {
		if (missing === undefined) shared = await WineServer.start(config);
	}, START);
	afterEach(async () => {
		if (shared === undefined) return;
		endProcessesWith(shared.token);
		await shared.membersAre(0);
	});
	afterAll(async () => {
		await shared?.[Symbol.asyncDispose]();
	});
	return () => {
		if (shared === undefined) throw new Error("it has not been started");
		return shared;
	};
}

/** Living processes that have an argument. */
function processesWith(argument: string): number[] {
	return readdirSync("/proc")
		.map(Number)
		.filter((pid) => Number.isInteger(pid) && commandOf(pid).includes(argument))
		.filter(isAlive);
}

/** Ends whatever a test left behind. */
export function endProcessesWith(argument: string): void {
	for (const pid of processesWith(argument)) process.kill(pid, "SIGKILL");
}

function commandOf(pid: number): string {
	try {
		return readFileSync(`/proc/${pid}/cmdline`, "utf8");
	} catch {
		return "";
	}
}
