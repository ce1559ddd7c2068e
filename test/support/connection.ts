import { PassThrough, type Writable } from "node:stream";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import type { Sink } from "../../src/outbox.ts";
import { nextTurn } from "../../src/process/turns.ts";
import { LineTransport } from "../../src/transport.ts";
import { eventually } from "./server.ts";

/** A request that asks nothing. */
export const request = (id: number | string, text = "") => ({
	jsonrpc: "2.0" as const,
	id,
	method: "ping",
	params: { text },
});

/** A message as it goes over the wire. */
export const line = (message: unknown) => `${JSON.stringify(message)}\n`;

/** A stream of node's in the place of the runtime's sink. */
export function sinkOf(stream: Writable): Sink {
	// Each write tells its own error.
	stream.on("error", () => {});
	return {
		write: (text) =>
			new Promise<void>((resolve, reject) => {
				stream.write(text, (error) => (error ? reject(error) : resolve()));
			}),
		flush() {},
	};
}

/** A transport between two streams, as a client would hold their other ends. */
export class Connection {
	readonly input = new PassThrough();
	readonly output = new PassThrough();
	readonly transport = new LineTransport(this.input, sinkOf(this.output));
	readonly received: JSONRPCMessage[] = [];
	readonly errors: Error[] = [];
	#sent = "";

	/** Nobody takes messages from it yet. */
	constructor() {
		this.output.on("data", (chunk) => {
			this.#sent += String(chunk);
		});
	}

	static async open(): Promise<Connection> {
		const connection = new Connection();
		const { transport } = connection;
		transport.onmessage = (message) => connection.received.push(message);
		transport.onerror = (error) => connection.errors.push(error);
		await transport.start();
		return connection;
	}

	/** Lines that the client got. */
	get answers(): unknown[] {
		return this.#sent
			.split("\n")
			.filter(Boolean)
			.map((line): unknown => JSON.parse(line));
	}

	async give(...chunks: (string | Uint8Array)[]): Promise<void> {
		for (const chunk of chunks) {
			this.input.write(chunk);
			await nextTurn();
		}
	}

	receives(count: number): Promise<JSONRPCMessage[]> {
		return eventually(
			() => (this.received.length >= count ? this.received : undefined),
			`${count} messages`,
		);
	}

	answersAre(count: number): Promise<unknown[]> {
		return eventually(
			() => (this.answers.length >= count ? this.answers : undefined),
			`${count} answers`,
		);
	}
}
