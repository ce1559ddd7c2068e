import { closed, endGently, opened } from "./children.ts";
import { linesOf } from "./lines.ts";
import { NotMeasured } from "./measure.ts";

/** Milliseconds that a server has for an answer, and for the first one. */
const PATIENCE = 60_000;
const FIRST_PATIENCE = 10_000;
/** Characters of a server's diagnostics, or of a wrong answer, that a message holds. */
const LONGEST_QUOTE = 500;

const INITIALIZE = {
	protocolVersion: "2025-06-18",
	capabilities: {},
	clientInfo: { name: "bench", version: "1.0.0" },
};

/** A successful result's fields. */
export type Reply = Readonly<Record<string, unknown>>;

interface Pending {
	resolve(result: unknown): void;
	reject(error: Error): void;
}

function isObject(value: unknown): value is Record<string, unknown> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * A server over stdio, spoken to in bare JSON-RPC. Not the SDK's client: that one
 * parses each message with its schemas and checks each result against its tool's,
 * which takes longer than some of what is measured here.
 */
export class Session implements AsyncDisposable {
	readonly #child: Bun.Subprocess<"pipe", "pipe", "pipe">;
	readonly #pending = new Map<number, Pending>();
	/** Each tool's names of input fields. */
	readonly #tools = new Map<string, ReadonlySet<string>>();
	#nextId = 1;
	#stderr = "";
	#broken: Error | undefined;

	private constructor(
		command: readonly string[],
		env: Readonly<Record<string, string>>,
	) {
		this.#child = Bun.spawn([...command], {
			stdio: ["pipe", "pipe", "pipe"],
			env,
		});
		opened(this);
		void this.#read();
		void this.#readDiagnostics();
	}

	/** Starts a server and waits for its answer to the first request. */
	static async open(
		command: readonly string[],
		env: Readonly<Record<string, string>>,
	): Promise<Session> {
		const session = new Session(command, env);
		try {
			await session.request("initialize", INITIALIZE, FIRST_PATIENCE);
			session.#send({ method: "notifications/initialized" });
			return session;
		} catch (error) {
			await session[Symbol.asyncDispose]();
			throw error;
		}
	}

	get pid(): number {
		return this.#child.pid;
	}

	/** Asks for the tools, so that `require` knows them. */
	async learnTools(): Promise<void> {
		const result = await this.request("tools/list", {});
		const tools = isObject(result) ? result.tools : undefined;
		if (!Array.isArray(tools)) throw new Error("tools/list gave no tools");
		for (const { name, inputSchema } of tools)
			this.#tools.set(
				String(name),
				new Set(Object.keys(inputSchema?.properties ?? {})),
			);
	}

	/** Whether it has a tool, and that tool a field. */
	offers(tool: string, field?: string): boolean {
		const fields = this.#tools.get(tool);
		return fields !== undefined && (field === undefined || fields.has(field));
	}

	/** @throws NotMeasured where `offers` says no */
	require(tool: string, field?: string): void {
		if (this.offers(tool, field)) return;
		const what = this.offers(tool) ? `${tool} has no ${field}` : `no ${tool}`;
		throw new NotMeasured("not offered", what);
	}

	/** @throws Error where the server answers with an error, not at all, or with what is no message */
	request(
		method: string,
		params?: unknown,
		patience = PATIENCE,
	): Promise<unknown> {
		if (this.#broken) return Promise.reject(this.#broken);
		const id = this.#nextId++;
		return new Promise((resolve, reject) => {
			const timer = setTimeout(() => {
				this.#pending.delete(id);
				const waited = `no answer to ${method} within ${patience / 1000} s`;
				reject(new Error(`${waited}${this.#diagnostics()}`));
			}, patience);
			this.#pending.set(id, {
				resolve(result) {
					clearTimeout(timer);
					resolve(result);
				},
				reject(error) {
					clearTimeout(timer);
					reject(error);
				},
			});
			this.#send({ id, method, ...(params !== undefined && { params }) });
		});
	}

	/** Calls a tool; gives its result, from its structured content or its text. */
	async call(name: string, args: Reply = {}): Promise<Reply> {
		const result = await this.request("tools/call", { name, arguments: args });
		if (!isObject(result)) throw new Error(`${name}: no result`);
		const { isError, structuredContent, content } = result;
		const block: unknown = Array.isArray(content) ? content[0] : undefined;
		const text = isObject(block) ? String(block.text) : "";
		if (isError === true)
			throw new Error(`${name}: ${text.slice(0, LONGEST_QUOTE)}`);
		if (isObject(structuredContent)) return structuredContent;
		try {
			const parsed: unknown = JSON.parse(text);
			if (isObject(parsed)) return parsed;
		} catch {
			// It is told below.
		}
		throw new Error(`${name}: not JSON: ${text.slice(0, LONGEST_QUOTE)}`);
	}

	#send(message: Reply): void {
		try {
			this.#child.stdin.write(
				`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`,
			);
			this.#child.stdin.flush();
		} catch {
			// It has closed its input; its end is told by #read.
		}
	}

	async #read(): Promise<void> {
		for await (const line of linesOf(this.#child.stdout)) {
			if (this.#broken) continue;
			try {
				this.#receive(JSON.parse(line));
			} catch {
				const quote = JSON.stringify(line.slice(0, LONGEST_QUOTE));
				this.#break(`not an MCP message: ${quote}`);
			}
		}
		const code = await this.#child.exited;
		this.#break(`it ended with exit code ${code}`);
	}

	/** @throws Error where it is not a message */
	#receive(message: unknown): void {
		if (!isObject(message) || message.jsonrpc !== "2.0") throw new Error();
		const { id, method, result, error } = message;
		if (method === "initialize") throw new Error();
		if (method !== undefined) {
			// What a server may ask of its client; this one answers nothing but pings.
			if (id !== undefined && method === "ping") this.#send({ id, result: {} });
			return;
		}
		const pending = this.#pending.get(Number(id));
		this.#pending.delete(Number(id));
		if (isObject(error)) pending?.reject(new Error(String(error.message)));
		else pending?.resolve(result);
	}

	#break(reason: string): void {
		this.#broken ??= new Error(`${reason}${this.#diagnostics()}`);
		for (const { reject } of this.#pending.values()) reject(this.#broken);
		this.#pending.clear();
	}

	async #readDiagnostics(): Promise<void> {
		const decoder = new TextDecoder();
		for await (const chunk of this.#child.stderr) {
			const text = decoder.decode(chunk, { stream: true });
			this.#stderr = (this.#stderr + text).slice(-LONGEST_QUOTE);
		}
	}

	#diagnostics(): string {
		const text = this.#stderr.trim();
		return text === "" ? "" : `; it says: ${text}`;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await endGently(this.#child);
		closed(this);
	}
}
