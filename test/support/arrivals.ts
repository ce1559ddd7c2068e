/** Output in lines of JSON, and when it came, in milliseconds of the monotonic clock. */
export class Arrivals {
	readonly #chunks: { readonly chunk: Buffer; readonly at: number }[] = [];
	#lines = 0;

	add(chunk: Buffer): void {
		this.#chunks.push({ chunk, at: performance.now() });
		this.#lines += chunk.toString("latin1").split("\n").length - 1;
	}

	/** How many pieces came, in which lines may be cut. */
	get chunks(): number {
		return this.#chunks.length;
	}

	get text(): string {
		const chunks = this.#chunks.map(({ chunk }) => chunk);
		return Buffer.concat(chunks).toString("utf8");
	}

	/** How many lines came; cheap, so that it can be asked often. */
	get lines(): number {
		return this.#lines;
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
