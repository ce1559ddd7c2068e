import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import { messageOf, shorten } from "./errors.ts";
import { idOf, isId, isMessage } from "./message.ts";
import { Outbox, type Sink } from "./outbox.ts";
import { settlesWithin } from "./process/timer.ts";
import { nextTurn } from "./process/turns.ts";
import { textOf } from "./tools/sent.ts";

/** Bytes of one message; a longer line is skipped and refused. */
const MAX_LINE = 32 * 2 ** 20;
/** Characters of answers that a client has not taken, with which no more of its requests are. */
const MOST_UNREAD = 16 * 2 ** 20;
/** Bytes of its requests that wait meanwhile, with which no more are read. */
const MOST_WAITING = 64 * 2 ** 20;
/** Messages taken in one turn of the event loop: a thousand at once would each hold what their calls need until all are done. */
const MOST_AT_ONCE = 64;
const NEWLINE = 0x0a;

// Error codes of JSON-RPC 2.0, section 5.1.
const PARSE_ERROR = -32700;
const INVALID_REQUEST = -32600;

/**
 * MCP over two byte streams, one JSON-RPC message a line. Unlike the SDK's own
 * it notices the end of its input, answers a line that is no message instead of
 * closing, and outlives a client that stops reading: what that one asks for then
 * waits, too.
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
	readonly #outbox: Outbox;
	/** Input that waits for its turn, or until less is unread: not left in the pipe while it is little, as its end must be seen. */
	#waiting: Uint8Array[] = [];
	#waitingBytes = 0;
	/** Called when less of it waits. */
	#onRoom: (() => void) | undefined;
	#isTaking = false;
	/** Resolves when what came so far was taken, as far as it can be now. */
	#taken = Promise.resolve();
	#onIdle: (() => void) | undefined;
	/** Messages that came before there was anybody to take them. */
	#early: JSONRPCMessage[] | undefined;
	#onFirst: ((message: JSONRPCMessage) => void) | undefined;

	constructor(
		private readonly input: AsyncIterable<Uint8Array>,
		output: Sink,
	) {
		this.ended = new Promise((resolve) => {
			this.#end = resolve;
		});
		this.#outbox = new Outbox(output);
		this.#outbox.onTaken = () => this.#takeWaiting();
		// A client that is gone is an end, not a fault.
		this.#outbox.onGone = () => this.#end();
	}

	/**
	 * Starts to read. What comes waits for the start.
	 *
	 * @returns the first message, or undefined when the input ends before
	 */
	listen(): Promise<JSONRPCMessage | undefined> {
		this.#early = [];
		const first = new Promise<JSONRPCMessage>((resolve) => {
			this.#onFirst = resolve;
		});
		void this.#read();
		return Promise.race([first, this.ended.then(() => undefined)]);
	}

	async start(): Promise<void> {
		if (!this.#early) {
			void this.#read();
			return;
		}
		const early = this.#early;
		this.#early = undefined;
		for (const message of early) this.#deliver(message);
	}

	async #read(): Promise<void> {
		const chunks = this.input[Symbol.asyncIterator]();
		for (;;) {
			// A client that is gone is an end; whatever else fails here is a fault.
			const next = await chunks.next().catch(() => undefined);
			if (!next || next.done) break;
			this.#waiting.push(next.value);
			this.#waitingBytes += next.value.length;
			this.#takeWaiting();
			if (this.#waitingBytes > MOST_WAITING) await this.#room();
		}
		await this.#taken;
		this.#end();
	}

	/** Until then a client that is gone is known by what can't be written to it. */
	#room(): Promise<void> {
		return new Promise((resolve) => {
			this.#onRoom = resolve;
		});
	}

	async send(message: JSONRPCMessage): Promise<void> {
		if ("id" in message && !("method" in message)) this.#answered(message.id);
		await this.#outbox.write(`${textOf(message)}\n`);
	}

	async close(): Promise<void> {
		this.#end();
		this.onclose?.();
	}

	/** Resolves when every request has its answer, or after `patience` milliseconds. */
	async idle(patience: number): Promise<void> {
		if (this.#open.size === 0) return;
		const idle = new Promise<void>((resolve) => {
			this.#onIdle = resolve;
		});
		await settlesWithin(idle, patience);
	}

	/** Resolves when what was sent has reached the client's pipe, or after `patience` milliseconds. */
	flush(patience: number): Promise<void> {
		return this.#outbox.flush(patience);
	}

	#answered(id: unknown): void {
		if (isId(id)) this.#open.delete(id);
		if (this.#open.size === 0) this.#onIdle?.();
	}

	#takeWaiting(): void {
		if (!this.#isTaking) this.#taken = this.#takeLines();
	}

	async #takeLines(): Promise<void> {
		this.#isTaking = true;
		try {
			for (let lines = 1; this.#outbox.unread <= MOST_UNREAD; lines++) {
				if (!this.#takeLine()) return;
				if (lines % MOST_AT_ONCE === 0) await nextTurn();
			}
		} finally {
			this.#isTaking = false;
		}
	}

	/** Takes what came up to the end of a line; false where there is none yet. */
	#takeLine(): boolean {
		for (;;) {
			const chunk = this.#waiting.shift();
			if (!chunk) return false;
			this.#waitingBytes -= chunk.length;
			if (this.#waitingBytes <= MOST_WAITING) this.#onRoom?.();
			const end = chunk.indexOf(NEWLINE);
			this.#keep(end < 0 ? chunk : chunk.subarray(0, end));
			if (end < 0) continue;
			const rest = chunk.subarray(end + 1);
			if (rest.length > 0) this.#waiting.unshift(rest);
			this.#waitingBytes += rest.length;
			this.#finishLine();
			return true;
		}
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
			this.#refuse(
				INVALID_REQUEST,
				"not a JSON-RPC 2.0 message as MCP has them",
				idOf(message),
			);
			return;
		}
		if ("method" in message) this.#note(message);
		if (!this.#early) {
			this.#deliver(message);
			return;
		}
		this.#early.push(message);
		this.#onFirst?.(message);
	}

	#deliver(message: JSONRPCMessage): void {
		try {
			this.onmessage?.(message);
		} catch (error) {
			// The SDK goes into a message a call deeper with each bracket.
			const reason = `can't be handled: ${shorten(messageOf(error), 200)}`;
			this.#refuse(INVALID_REQUEST, reason, idOf(message));
		}
	}

	/** Keeps count of the requests that wait; one that is cancelled gets no answer. */
	#note(message: Extract<JSONRPCMessage, { method: string }>): void {
		if ("id" in message) this.#open.add(message.id);
		else if (message.method === "notifications/cancelled")
			this.#answered(message.params?.requestId);
	}

	#refuse(code: number, message: string, id: string | number | null = null) {
		this.#answered(id);
		this.onerror?.(new Error(message));
		const answer = { jsonrpc: "2.0", id, error: { code, message } };
		void this.#outbox.write(`${JSON.stringify(answer)}\n`);
	}
}
