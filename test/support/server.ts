import {
	existsSync,
	mkdtempSync,
	readFileSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import type { ConfigInput } from "../../src/config/schema.ts";

/** The compiled program; MCP_PROCESS_BINARY names another one. */
export const BINARY =
	process.env.MCP_PROCESS_BINARY ??
	join(
		import.meta.dir,
		"../../dist",
		process.platform === "win32" ? "mcp-process.exe" : "mcp-process",
	);

if (!existsSync(BINARY))
	throw new Error(`${BINARY} is not there; build it first: bun run build`);

export interface ErrorBody {
	readonly status: "error";
	readonly code: string;
	readonly message: string;
	readonly remediation: string;
	readonly details?: Record<string, unknown>;
	readonly timestamp: string;
}

/** What a user can do with a question. */
export type Action = "accept" | "decline" | "cancel";

/** A successful result's fields; each test knows which ones it reads. */
// biome-ignore lint/suspicious/noExplicitAny: results differ by tool
export type Success = Record<string, any>;

/** Another way to run the program than to start the compiled one. */
export interface Program {
	readonly command: string;
	/** Those before the program's own. */
	readonly args: readonly string[];
	readonly env: Readonly<Record<string, string>>;
	/** What a path is called there. */
	path(path: string): string;
}

/** The compiled program on this machine. */
const NATIVE: Program = {
	command: BINARY,
	args: [],
	env: {},
	path: (path) => path,
};

/** A folder of a test's own, removed with it. */
export class Scratch implements Disposable {
	readonly path = mkdtempSync(join(tmpdir(), "mcp-process-test-"));

	/** Writes a file below the folder and returns its path. */
	write(name: string, text: string, mode = 0o644): string {
		const path = join(this.path, name);
		writeFileSync(path, text, { mode });
		return path;
	}

	[Symbol.dispose](): void {
		rmSync(this.path, { recursive: true, force: true });
	}
}

/** The compiled program with a real client of the SDK's connected to it. */
export class TestServer implements AsyncDisposable {
	#stderr = "";
	readonly #scratch: Scratch;

	private constructor(
		readonly client: Client,
		readonly transport: StdioClientTransport,
		scratch: Scratch,
	) {
		this.#scratch = scratch;
		transport.stderr?.on("data", (chunk) => {
			this.#stderr += String(chunk);
		});
	}

	/** Starts it with a configuration; `auditLogPath` is below `folder` unless given. */
	static async start(
		config: ConfigInput = {},
		options: {
			readonly env?: Record<string, string>;
			readonly cwd?: string;
			readonly clientName?: string;
			/** A command that becomes the server when the server's own is appended to it. */
			readonly wrapper?: readonly string[];
			/** Answers questions to the user, which may be taken back; without it the client can't ask. */
			readonly onAsk?: (
				question: string,
				takenBack: AbortSignal,
			) => Promise<Action> | Action;
			readonly program?: Program;
		} = {},
	): Promise<TestServer> {
		const { program = NATIVE } = options;
		const scratch = new Scratch();
		const auditLogPath = program.path(join(scratch.path, "audit.log"));
		const path = scratch.write(
			"config.json",
			JSON.stringify({ auditLogPath, ...config }, null, 2),
		);
		const [command = program.command, ...args] = [
			...(options.wrapper ?? []),
			program.command,
			...program.args,
			"--config",
			program.path(path),
		];
		const transport = new StdioClientTransport({
			command,
			args,
			env: {
				PATH: process.env.PATH ?? "",
				HOME: process.env.HOME ?? scratch.path,
				...program.env,
				...options.env,
			},
			cwd: options.cwd ?? scratch.path,
			stderr: "pipe",
		});
		const { onAsk } = options;
		const client = new Client(
			{ name: options.clientName ?? "test", version: "1.0.0" },
			{ capabilities: onAsk ? { elicitation: {} } : {} },
		);
		if (onAsk)
			client.setRequestHandler(
				ElicitRequestSchema,
				async ({ params }, extra) => ({
					action: await onAsk(params.message, extra.signal),
					content: {},
				}),
			);
		const server = new TestServer(client, transport, scratch);
		try {
			await client.connect(transport);
			// Once listed, the client checks every result against its schema.
			await client.listTools();
			return server;
		} catch (error) {
			await server[Symbol.asyncDispose]();
			throw new Error(`${String(error)}\n${server.stderr}`);
		}
	}

	/** The server's process id. */
	get pid(): number {
		const { pid } = this.transport;
		if (pid === null) throw new Error("the server is not running");
		return pid;
	}

	get stderr(): string {
		return this.#stderr;
	}

	/** The folder of its configuration and audit log; its working directory unless given. */
	get folder(): string {
		return this.#scratch.path;
	}

	/** Calls a tool that has to succeed. */
	async ok(name: string, args: Record<string, unknown> = {}): Promise<Success> {
		const { isError, content, structured } = await this.#call(name, args);
		if (isError) throw new Error(`${name} failed: ${content}`);
		if (JSON.stringify(structured) !== content)
			throw new Error(`${name}: text and structure differ: ${content}`);
		return structured as Success;
	}

	/** Calls a tool that has to fail, and checks the form of the failure. */
	async fails(
		name: string,
		args: Record<string, unknown> = {},
	): Promise<ErrorBody> {
		const { isError, content, structured } = await this.#call(name, args);
		if (!isError) throw new Error(`${name} succeeded: ${content}`);
		if (structured !== undefined)
			throw new Error(`${name}: an error with structuredContent`);
		const body = JSON.parse(content) as ErrorBody;
		for (const field of ["code", "message", "remediation", "timestamp"])
			if (typeof body[field as keyof ErrorBody] !== "string")
				throw new Error(`${name}: an error without ${field}: ${content}`);
		return body;
	}

	/** Reads output until the process has ended, and returns all of it. */
	async outputOf(pid: number): Promise<{ stdout: string; stderr: string }> {
		let [stdout, stderr] = ["", ""];
		let cursor: string | undefined;
		for (;;) {
			const reply = await this.ok("process_get_output", { pid, cursor });
			stdout += reply.stdout;
			stderr += reply.stderr;
			cursor = reply.cursor;
			const done = reply.state !== "running" && !reply.truncated;
			if (done && reply.stdout === "" && reply.stderr === "")
				return { stdout, stderr };
			if (!reply.truncated) await Bun.sleep(5);
		}
	}

	/** Asks again until `process_get_output` shows `text` on either stream. */
	async waitForOutput(pid: number, text: string): Promise<Success> {
		let output = "";
		return eventually(
			async () => {
				const reply = await this.ok("process_get_output", { pid });
				output = `${reply.stdout}${reply.stderr}`;
				return output.includes(text) ? reply : undefined;
			},
			() => `${JSON.stringify(text)} in the output of ${pid}: ${output}`,
		);
	}

	/** Waits until a process has ended, and returns its status. */
	async waitForEnd(pid: number): Promise<Success> {
		return eventually(async () => {
			const status = await this.ok("process_get_status", { pid });
			return status.state === "running" ? undefined : status;
		}, `process ${pid} to end`);
	}

	async #call(name: string, args: Record<string, unknown>) {
		const given = Object.fromEntries(
			Object.entries(args).filter(([, value]) => value !== undefined),
		);
		const result = await this.client.callTool({ name, arguments: given });
		const [block] = result.content as { type: string; text: string }[];
		return {
			isError: result.isError === true,
			content: block?.text ?? "",
			structured: result.structuredContent,
		};
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.client.close().catch(() => {});
		this.#scratch[Symbol.dispose]();
	}
}

/** Asks until there is an answer; fails after `patience` milliseconds. */
export async function eventually<T>(
	ask: () => Promise<T | undefined> | T | undefined,
	what: string | (() => string),
	patience = 40_000,
): Promise<T> {
	const deadline = performance.now() + patience;
	for (;;) {
		const answer = await ask();
		if (answer !== undefined) return answer;
		if (performance.now() > deadline) {
			const wish = typeof what === "string" ? what : what();
			throw new Error(`waited ${patience} ms in vain for ${wish}`);
		}
		await Bun.sleep(10);
	}
}

/** Whether a process lives; a zombie has ended, and only its parent is late to notice. */
export function isAlive(pid: number): boolean {
	if (process.platform === "linux") {
		try {
			const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
			return !/^[ZXx]/.test(stat.slice(stat.lastIndexOf(")") + 2));
		} catch {
			return false;
		}
	}
	try {
		process.kill(pid, 0);
		return true;
	} catch {
		return false;
	}
}
