import type { Readable, Writable } from "node:stream";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import { messageOf } from "./errors.ts";

/** Bytes of one message; a longer line is skipped and refused. */
const MAX_LINE = 64 * 2 ** 20;
const NEWLINE = 0x0a;

// Error codes of JSON-RPC 2.0, section 5.1.
const PARSE_ERROR = -32700;
const INVALID_REQUEST = -32600;

/**
 * MCP over two byte streams, one JSON-RPC message a line. Unlike the SDK's own
 * it notices the end of its input, answers a line that is no message instead of
 * closing, and outlives a client that stops reading.
 */
export class LineTransport implements Transport {
	onmessage?: Transport["onmessage"];
	onclose?: () => void;
	onerror?: (error: Error) => void;

	/** Resolves when the input ends or the client is gone. */
	readonly ended: Promise<void>;
	#end: () => void = () => {};
	#parts: Uint8Array[] = [];
	#length = 0;
	/** Within a line that is too long. */
	#skipping = false;
	/** Requests that wait for their answers. */
	readonly #open = new Set<string | number>();
	#onIdle: (() => void) | undefined;

	constructor(
		private readonly input: Readable,
		private readonly output: Writable,
	) {
		this.ended = new Promise((resolve) => {
			this.#end = resolve;
		});
	}

	async start(): Promise<void> {
		this.input.on("data", (chunk: Uint8Array) => this.#take(chunk));
		for (const event of ["end", "close", "error"])
			this.input.on(event, () => this.#end());
		// A client that is gone breaks the pipe; that is an end, not a fault.
		this.output.on("error", () => this.#end());
		this.output.on("close", () => this.#end());
	}

	async send(message: JSONRPCMessage): Promise<void> {
		if ("id" in message && !("method" in message)) this.#answered(message.id);
		if (!this.output.writable) return;
		await this.#write(`${JSON.stringify(message)}\n`);
	}

	async close(): Promise<void> {
		this.#end();
		this.onclose?.();
	}

	/** Resolves when every request has its answer, or after `patience` milliseconds. */
	async idle(patience: number): Promise<void> {
		if (this.#open.size === 0) return;
		await new Promise<void>((resolve) => {
			const timer = setTimeout(resolve, patience);
			this.#onIdle = () => {
				clearTimeout(timer);
				resolve();
			};
		});
	}

	/** Resolves when what was sent has reached the client's pipe, or after `patience` milliseconds. */
	async flush(patience: number): Promise<void> {
		if (!this.output.writable || this.output.writableLength === 0) return;
		await new Promise<void>((resolve) => {
			const timer = setTimeout(resolve, patience);
			this.output.write("", () => {
				clearTimeout(timer);
				resolve();
			});
		});
	}

	#write(text: string): Promise<void> {
		return new Promise((resolve) => {
			// Failing to write is reported by the stream's own error event.
			this.output.write(text, () => resolve());
		});
	}

	#answered(id: string | number | undefined): void {
		if (id !== undefined) this.#open.delete(id);
		if (this.#open.size === 0) this.#onIdle?.();
	}

	#take(chunk: Uint8Array): void {
		let rest = chunk;
		for (
			let end = rest.indexOf(NEWLINE);
			end >= 0;
			end = rest.indexOf(NEWLINE)
		) {
			this.#keep(rest.subarray(0, end));
			this.#finishLine();
			rest = rest.subarray(end + 1);
		}
		this.#keep(rest);
	}

	#keep(part: Uint8Array): void {
		if (this.#skipping || part.length === 0) return;
		this.#length += part.length;
		if (this.#length > MAX_LINE) {
			this.#skipping = true;
			this.#parts = [];
			return;
		}
		this.#parts.push(part);
	}

	#finishLine(): void {
		const skipped = this.#skipping;
		const line = Buffer.concat(this.#parts).toString("utf8").trim();
		this.#parts = [];
		this.#length = 0;
		this.#skipping = false;
		if (skipped) {
			this.#refuse(INVALID_REQUEST, `message longer than ${MAX_LINE} bytes`);
			return;
		}
		if (line !== "") this.#receive(line);
	}

	#receive(line: string): void {
		let message: unknown;
		try {
			message = JSON.parse(line);
		} catch (error) {
			this.#refuse(PARSE_ERROR, `not JSON: ${messageOf(error)}`);
			return;
		}
		if (!isMessage(message)) {
			this.#refuse(INVALID_REQUEST, "not a JSON-RPC 2.0 message");
			return;
		}
		if ("method" in message && "id" in message) this.#open.add(message.id);
		this.onmessage?.(message);
	}

	#refuse(code: number, message: string): void {
		this.onerror?.(new Error(message));
		const answer = { jsonrpc: "2.0", id: null, error: { code, message } };
		void this.#write(`${JSON.stringify(answer)}\n`);
	}
}

/** The SDK checks the rest; what it would drop without an answer is refused here. */
function isMessage(value: unknown): value is JSONRPCMessage {
	if (typeof value !== "object" || value === null) return false;
	if (!("jsonrpc" in value) || value.jsonrpc !== "2.0") return false;
	if ("id" in value && !isId(value.id)) return false;
	if ("method" in value) return typeof value.method === "string";
	return "id" in value && ("result" in value || "error" in value);
}

function isId(id: unknown): boolean {
	return typeof id === "string" || Number.isInteger(id);
}
