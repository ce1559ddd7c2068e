/** One line of the server's, parsed. */
export type Message = Record<string, unknown>;

/** Output in lines of JSON, and when it came, in milliseconds of the monotonic clock. */
export class Arrivals {
	readonly #chunks: { readonly chunk: Buffer; readonly at: number }[] = [];
	#lines = 0;
	readonly #messages: Message[] = [];
	readonly #answers = new Map<unknown, Message>();
	/** Pieces that `messages` has read, and those of a line whose end it has not seen. */
	#read = 0;
	#rest: readonly Buffer[] = [];

	add(chunk: Buffer): void {
		this.#chunks.push({ chunk, at: performance.now() });
		this.#lines += chunk.toString("latin1").split("\n").length - 1;
	}

	get text(): string {
		const chunks = this.#chunks.map(({ chunk }) => chunk);
		return Buffer.concat(chunks).toString("utf8");
	}

	/** How many lines came; cheap, so that it can be asked often. */
	get lines(): number {
		return this.#lines;
	}

	/** Every line that is whole, parsed once; throws where one is not a JSON-RPC message. */
	messages(): readonly Message[] {
		for (const { chunk } of this.#chunks.slice(this.#read)) {
			const end = chunk.lastIndexOf("\n") + 1;
			if (end > 0) {
				const lines = Buffer.concat([...this.#rest, chunk.subarray(0, end)]);
				for (const message of parsed(lines.toString("utf8"))) {
					this.#messages.push(message);
					const { id } = message;
					if (!("method" in message) && !this.#answers.has(id))
						this.#answers.set(id, message);
				}
				this.#rest = [];
			}
			this.#rest = [...this.#rest, chunk.subarray(end)];
			this.#read++;
		}
		return this.#messages;
	}

	/** The first answer to a request, if it has come. */
	answerTo(id: number | string | null): Message | undefined {
		this.messages();
		return this.#answers.get(id);
	}

	/** When the message of each id came. */
	byId(): ReadonlyMap<unknown, number> {
		const times = new Map<unknown, number>();
		let rest = "";
		for (const { chunk, at } of this.#chunks) {
			const lines = (rest + chunk.toString("latin1")).split("\n");
			rest = lines.pop() ?? "";
			for (const line of lines) times.set(JSON.parse(line).id, at);
		}
		return times;
	}
}

/** Lines that each have an end. */
function parsed(lines: string): Message[] {
	return lines
		.split("\n")
		.slice(0, -1)
		.map((line) => {
			const message: unknown = JSON.parse(line);
			if (!isMessage(message)) throw new Error(`not JSON-RPC: ${line}`);
			return message;
		});
}

function isMessage(value: unknown): value is Message {
	if (typeof value !== "object" || value === null || Array.isArray(value))
		return false;
	if (!("jsonrpc" in value) || value.jsonrpc !== "2.0") return false;
	return "method" in value || ("id" in value && value.id !== undefined);
}
