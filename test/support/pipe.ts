import { closeSync, readSync } from "node:fs";
import { systemCode } from "../../src/errors.ts";
import { PipeInput } from "../../src/process/stdin.ts";
import { platform, textOf } from "./managed.ts";

/** A real pipe, its write end as a child's standard input is written. */
export class Pipe implements Disposable {
	readonly input: PipeInput;
	#read: number | undefined;

	constructor() {
		const { pipes } = platform;
		if (!pipes) throw new Error("this platform has no pipes");
		const ends = pipes.open();
		pipes.setNonBlocking(ends.write);
		pipes.setNonBlocking(ends.read);
		this.input = new PipeInput(ends.write, pipes.atomicBytes);
		this.#read = ends.read;
	}

	/** What the pipe holds now. */
	take(): Buffer {
		const chunks: Buffer[] = [];
		const buffer = Buffer.alloc(65_536);
		for (;;) {
			try {
				const length = readSync(this.#fd, buffer);
				if (length === 0) return Buffer.concat(chunks);
				chunks.push(Buffer.from(buffer.subarray(0, length)));
			} catch (error) {
				if (systemCode(error) !== "EAGAIN") throw error;
				return Buffer.concat(chunks);
			}
		}
	}

	/** Everything up to the end of the stream. */
	all(): Promise<string> {
		return textOf(Bun.file(this.#fd).stream());
	}

	closeReader(): void {
		if (this.#read !== undefined) closeSync(this.#read);
		this.#read = undefined;
	}

	get #fd(): number {
		if (this.#read === undefined) throw new Error("closed");
		return this.#read;
	}

	[Symbol.dispose](): void {
		this.input.close();
		this.closeReader();
	}
}

/** As much as a pipe takes from nobody who reads. */
export async function fill(pipe: Pipe): Promise<number> {
	return pipe.input.write(new Uint8Array(2 ** 20), 20);
}
