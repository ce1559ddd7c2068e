import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { Arrivals, type Message } from "./arrivals.ts";
import {
	BINARY,
	type ErrorBody,
	eventually,
	isAlive,
	Scratch,
	type Success,
} from "./server.ts";

/** How the server ended. */
export interface Ending {
	readonly code: number | null;
	readonly signal: string | null;
}

export interface RawOptions {
	/** Command-line arguments; by default `--config` with the scratch's file. */
	readonly args?: readonly string[];
	/** The whole environment, besides PATH and HOME. */
	readonly env?: Readonly<Record<string, string>>;
	readonly cwd?: string;
	readonly binary?: string;
	/** A command that becomes the server when the server's own is appended to it. */
	readonly wrapper?: readonly string[];
	/** Send `initialize` first; true unless given. */
	readonly initialize?: boolean;
}

/** The first thing that a client says. */
export function initializeRequest(id: number | string): Message {
	return {
		jsonrpc: "2.0",
		id,
		method: "initialize",
		params: {
			protocolVersion: "2025-06-18",
			capabilities: {},
			clientInfo: { name: "raw", version: "1.0.0" },
		},
	};
}

/** The compiled program and its bare pipes: what is written and read is exactly what a test says. */
export class RawServer implements AsyncDisposable {
	readonly arrivals = new Arrivals();
	readonly #stderr: Buffer[] = [];
	readonly #scratch: Scratch;
	readonly #child: ChildProcess;
	readonly exited: Promise<Ending>;
	#nextId = 1000;

	private constructor(child: ChildProcess, scratch: Scratch) {
		this.#child = child;
		this.#scratch = scratch;
		child.stdout?.on("data", (chunk: Buffer) => this.arrivals.add(chunk));
		child.stderr?.on("data", (chunk: Buffer) => this.#stderr.push(chunk));
		// A server that ended breaks the pipe; the tests look at its exit instead.
		child.stdin?.on("error", () => {});
		this.exited = once(child, "close").then(([code, signal]) => ({
			code: typeof code === "number" ? code : null,
			signal: typeof signal === "string" ? signal : null,
		}));
	}

	/** Starts it with a configuration, below a folder of its own; the audit log is there too. */
	static async start(
		config: Readonly<Record<string, unknown>> = {},
		options: RawOptions = {},
	): Promise<RawServer> {
		const scratch = new Scratch();
		const path = scratch.write(
			"config.json",
			JSON.stringify({
				auditLogPath: join(scratch.path, "audit.log"),
				...config,
			}),
		);
		const [command = BINARY, ...args] = [
			...(options.wrapper ?? []),
			options.binary ?? BINARY,
			...(options.args ?? ["--config", path]),
		];
		const child = spawn(command, args, {
			cwd: options.cwd ?? scratch.path,
			env: {
				PATH: process.env.PATH ?? "",
				HOME: scratch.path,
				...options.env,
			},
			stdio: ["pipe", "pipe", "pipe"],
		});
		const server = new RawServer(child, scratch);
		if (options.initialize === false) return server;
		try {
			server.send(initializeRequest(0));
			await server.answer(0);
			server.send({ jsonrpc: "2.0", method: "notifications/initialized" });
			return server;
		} catch (error) {
			await server[Symbol.asyncDispose]();
			throw error;
		}
	}

	get pid(): number {
		const { pid } = this.#child;
		if (pid === undefined) throw new Error("the server did not start");
		return pid;
	}

	/** The folder of its configuration and audit log; its working directory and HOME unless given. */
	get folder(): string {
		return this.#scratch.path;
	}

	/** Every byte that it wrote to its standard output. */
	get stdout(): string {
		return this.arrivals.text;
	}

	get stderr(): string {
		return Buffer.concat(this.#stderr).toString("utf8");
	}

	/** Its standard output, line by line; throws where a line is not a JSON-RPC message. */
	messages(): readonly Message[] {
		return [...this.arrivals.messages()];
	}

	/** Writes bytes as they are. */
	write(text: string | Uint8Array): void {
		this.#child.stdin?.write(text);
	}

	send(message: unknown): void {
		this.write(`${JSON.stringify(message)}\n`);
	}

	/** The answer to a request that was sent. */
	answer(id: number | string | null, patience = 40_000): Promise<Message> {
		return eventually(
			() => this.arrivals.answerTo(id),
			`an answer to ${id}; stderr: ${this.stderr}`,
			patience,
		);
	}

	async request(method: string, params?: unknown): Promise<Message> {
		const id = this.#nextId++;
		this.send({ jsonrpc: "2.0", id, method, params });
		return this.answer(id);
	}

	/** Calls a tool that has to succeed. */
	async ok(name: string, args: unknown = {}): Promise<Success> {
		const { isError, structuredContent, text } = await this.call(name, args);
		if (isError || !structuredContent)
			throw new Error(`${name} failed: ${text}`);
		return structuredContent;
	}

	/** Calls a tool that has to fail. */
	async fails(name: string, args: unknown = {}): Promise<ErrorBody> {
		const { isError, structuredContent, text } = await this.call(name, args);
		if (!isError) throw new Error(`${name} succeeded: ${text}`);
		if (structuredContent !== undefined)
			throw new Error(`${name}: an error with structuredContent`);
		return JSON.parse(text) as ErrorBody;
	}

	async call(
		name: string,
		args: unknown,
	): Promise<{
		isError: boolean;
		text: string;
		structuredContent: Success | undefined;
	}> {
		const answer = await this.request("tools/call", { name, arguments: args });
		const result = answer.result as
			| {
					isError?: boolean;
					content: { text: string }[];
					structuredContent?: Success;
			  }
			| undefined;
		if (!result)
			throw new Error(`${name}: ${JSON.stringify(answer).slice(0, 500)}`);
		return {
			isError: result.isError === true,
			text: result.content[0]?.text ?? "",
			structuredContent: result.structuredContent,
		};
	}

	/** That it answers a ping and starts a program: no request before has hurt it. */
	async expectHealthy(executable = "true"): Promise<void> {
		const { result } = await this.request("ping");
		if (JSON.stringify(result) !== "{}")
			throw new Error(`ping gave ${JSON.stringify(result)}`);
		const { pid } = await this.ok("process_start", { executable });
		await this.waitForEnd(pid);
	}

	async waitForEnd(pid: number): Promise<Success> {
		return eventually(async () => {
			const status = await this.ok("process_get_status", { pid });
			return status.state === "running" ? undefined : status;
		}, `process ${pid} to end`);
	}

	/** Asks again until the standard output of a process, from its start, satisfies a test. */
	async outputOf(
		pid: number,
		enough: (stdout: string) => boolean,
	): Promise<string> {
		return eventually(async () => {
			const { stdout } = await this.ok("process_get_output", { pid });
			return enough(stdout) ? String(stdout) : undefined;
		}, `the output of ${pid}`);
	}

	/** Closes the client's side of standard input. */
	endInput(): void {
		this.#child.stdin?.end();
	}

	/** Reads its output no more; the pipe fills. */
	stopReading(): void {
		this.#child.stdout?.pause();
	}

	resumeReading(): void {
		this.#child.stdout?.resume();
	}

	/** Closes the read end of its standard output, as a client that died has. */
	closeOutput(): void {
		this.#child.stdout?.destroy();
	}

	signal(signal: NodeJS.Signals): void {
		process.kill(this.pid, signal);
	}

	/** Waits for its end; says what it was doing where it doesn't come. */
	async waitForExit(patience = 40_000): Promise<Ending> {
		let ending: Ending | undefined;
		void this.exited.then((value) => {
			ending = value;
		});
		return eventually(
			() => ending,
			`the server to end; stderr: ${this.stderr}`,
			patience,
		);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.#child.stdout?.resume();
		if (this.#child.exitCode === null && this.#child.signalCode === null) {
			this.endInput();
			await this.waitForExit(8000).catch(() => {
				if (isAlive(this.pid)) process.kill(this.pid, "SIGKILL");
			});
		}
		this.#scratch[Symbol.dispose]();
	}
}
