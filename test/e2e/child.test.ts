import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import type { ConfigInput } from "../../src/config/schema.ts";
import { fixture, PYTHON } from "../support/programs.ts";
import { BINARY, Scratch, TestServer } from "../support/server.ts";

setDefaultTimeout(60_000);

const LINUX = process.platform === "linux";

const CONFIG: ConfigInput = { allowedExecutables: [PYTHON, "tee", "true"] };

interface Description {
	readonly descriptors: readonly number[];
	readonly env: Readonly<Record<string, string>>;
	readonly noNewPrivs: string;
	readonly blockedSignals: string;
	readonly ignoredSignals: string;
	readonly pid: number;
	readonly group: number;
	readonly session: number;
	readonly argv0: string;
}

/** What a child says of itself. */
async function describeChild(
	server: TestServer,
	args: Record<string, unknown> = {},
): Promise<Description> {
	const { pid } = await server.ok("process_start", {
		executable: PYTHON,
		args: [fixture("describe-itself.py")],
		...args,
	});
	expect(await server.waitForEnd(pid)).toMatchObject({ exitCode: 0 });
	const { stdout } = await server.outputOf(pid);
	return JSON.parse(stdout) as Description;
}

describe.skipIf(!LINUX)("a child", () => {
	it("opens its streams by name, as kernel pipes allow", async () => {
		await using server = await TestServer.start(CONFIG);
		const { pid } = await server.ok("process_start", {
			executable: PYTHON,
			args: [fixture("open-streams.py")],
			stdin: "a line\n",
			closeStdin: true,
		});
		expect(await server.waitForEnd(pid)).toMatchObject({ exitCode: 0 });
		expect(await server.outputOf(pid)).toEqual({
			stdout: "/dev/stdout: a line\n",
			stderr: "/dev/stderr: a line\n",
		});
	});

	it.each([
		["with everything", {}],
		["without input", { closeStdin: true }],
	])("has no descriptors but its three streams, %s", async (_, args) => {
		await using server = await TestServer.start(CONFIG);
		// Others' pipes are open in the server while this one starts.
		for (let others = 0; others < 3; others++)
			await server.ok("process_start", { executable: "tee" });
		const { descriptors } = await describeChild(server, args);
		expect(descriptors).toEqual([0, 1, 2]);
	});

	it("can't gain privileges, and starts with signals as usual", async () => {
		await using server = await TestServer.start(CONFIG);
		const child = await describeChild(server);
		expect(child.noNewPrivs).toBe("1");
		expect(BigInt(`0x${child.blockedSignals}`)).toBe(0n);
		// Python itself ignores SIGPIPE (13) and SIGXFSZ (25).
		const ignored = BigInt(`0x${child.ignoredSignals}`);
		expect(ignored & ~((1n << 12n) | (1n << 24n))).toBe(0n);
	});

	it("leads a process group and session of its own", async () => {
		await using server = await TestServer.start(CONFIG);
		const { pid, group, session } = await describeChild(server);
		expect({ group, session }).toEqual({ group: pid, session: pid });
	});

	it("gets nothing of the server's environment that isn't inherited", async () => {
		await using server = await TestServer.start(CONFIG, {
			env: {
				SECRET: "hidden",
				AWS_SECRET_ACCESS_KEY: "hidden",
				LD_LIBRARY_PATH: "/hidden",
				NODE_OPTIONS: "--hidden",
				PYTHONPATH: "/hidden",
				MCP_PROCESS_CONFIG: "{}",
				BUN_OPTIONS: "",
				LANG: "C.UTF-8",
				LC_ALL: "C.UTF-8",
				TZ: "UTC",
			},
		});
		const { env } = await describeChild(server, { env: { OWN: "given" } });
		// The client adds a few of these by itself, Python LC_CTYPE.
		const inherited = /^(HOME|USER|LOGNAME|LANG|LC_\w+|TZ|TMPDIR|TERM|SHELL)$/;
		const names = Object.keys(env).filter((name) => !inherited.test(name));
		expect(names.sort()).toEqual(["OWN", "PATH"]);
		expect(JSON.stringify(env)).not.toContain("hidden");
		expect(env).toMatchObject({ OWN: "given", TZ: "UTC", LC_ALL: "C.UTF-8" });
	});

	it("gets the names that inheritEnv lists, and no others", async () => {
		await using server = await TestServer.start(
			{ ...CONFIG, inheritEnv: ["WANTED"] },
			{ env: { WANTED: "yes", SECRET: "hidden" } },
		);
		const { env } = await describeChild(server);
		const names = Object.keys(env).filter((name) => name !== "LC_CTYPE");
		expect(names.sort()).toEqual(["PATH", "WANTED"]);
	});

	it("gets a PATH of absolute directories only", async () => {
		const path = process.env.PATH ?? "";
		await using server = await TestServer.start(CONFIG, {
			env: { PATH: `.::bin:${path}:` },
		});
		const { env } = await describeChild(server);
		for (const entry of env.PATH?.split(":") ?? [""])
			expect(entry).toStartWith("/");
	});

	it("is called by the path under which it was found", async () => {
		using scratch = new Scratch();
		const link = join(scratch.path, "python3");
		symlinkSync(PYTHON, link);
		await using server = await TestServer.start({
			allowedExecutables: [link],
		});
		expect(await describeChild(server, { executable: link })).toMatchObject({
			argv0: link,
		});
	});
});

// Among the interpreters only the system's own can be read by an ordinary user.
const SYSTEM_PYTHON = Bun.which("python3", {
	PATH: "/usr/bin:/bin:/usr/local/bin",
});

describe.skipIf(!LINUX || SYSTEM_PYTHON === null)(
	"a child of an ordinary user's server",
	() => {
		function serve(script: string): {
			lines: string[];
			output: string;
			code: number;
		} {
			const { stdout, stderr } = Bun.spawnSync(
				[
					SYSTEM_PYTHON ?? "",
					fixture("unprivileged-client.py"),
					BINARY,
					fixture(script),
				],
				{ env: { PATH: process.env.PATH ?? "" }, timeout: 40_000 },
			);
			const report = stdout.toString();
			if (report === "") throw new Error(stderr.toString());
			return JSON.parse(report);
		}

		it("can't write into the server's conversation with its client", () => {
			const { lines, output, code } = serve("write-everywhere.py");
			// Its own two streams, and no descriptor of the server's.
			expect(output).toContain("written: /dev/stdout /dev/stderr\n");
			for (const line of lines) {
				expect(line).not.toContain('"code":-32700');
				expect(JSON.parse(line)).toMatchObject({ jsonrpc: "2.0" });
			}
			expect(code).toBe(0);
		});

		it("can't read the server's environment, memory or descriptors", () => {
			const { output } = serve("read-parent.py");
			expect(output).toContain("environ ");
			expect(output).not.toContain("readable");
		});
	},
);
