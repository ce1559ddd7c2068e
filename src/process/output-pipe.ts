import { closeSync } from "node:fs";
import type { Platform } from "../platform/platform.ts";

/** The read end of a child's output. */
export interface OutputStream {
	readonly chunks: ReadableStream<Uint8Array>;
	/** Gives a chunk's memory back, once it was copied; where that is not left to the collector. */
	release?(chunk: Uint8Array): void;
	/** Gives the descriptor back, once the stream is no longer read. */
	close(): void;
}

function streamOf(fd: number): OutputStream {
	return {
		chunks: Bun.file(fd).stream(),
		release({ buffer }) {
			// Each chunk has memory of its own, which the collector is late to see: a
			// gigabyte read left tens of megabytes behind. Detached, it goes at once.
			if (buffer instanceof ArrayBuffer) buffer.transfer(0);
		},
		close: () => closeSync(fd),
	};
}

/**
 * The read end of a child's standard output that nobody reads: when its pipe is
 * full the child waits, until another child gets this end as its input, or it
 * is read here.
 */
export class UnreadPipe {
	#isHere = true;

	/** @param fd owned by this object from now on */
	constructor(readonly fd: number) {}

	/** Whether it may still be given away. */
	get isHere(): boolean {
		return this.#isHere;
	}

	/** Another child has it now, and this server, which closed its own, no more. */
	leave(): void {
		this.#isHere = false;
	}

	/** Has it read here; undefined where it was taken before. */
	take(): OutputStream | undefined {
		if (!this.#isHere) return undefined;
		this.#isHere = false;
		return streamOf(this.fd);
	}

	/** Whoever writes finds a broken pipe. */
	close(): void {
		if (this.#isHere) closeSync(this.fd);
		this.#isHere = false;
	}
}

/** Leaves a pipe unread, if it is one of the system's; it takes as much as the system lets it. */
export function unreadOf(
	fd: number | undefined,
	pipes: Platform["pipes"],
): UnreadPipe | undefined {
	if (fd === undefined) return undefined;
	pipes?.widen?.(fd);
	return new UnreadPipe(fd);
}

/** What is read of a child's output: a pipe of the system's, or else the runtime's stream. */
export function outputOf(
	fd: number | undefined,
	stream: ReadableStream<Uint8Array> | number | null | undefined,
): OutputStream | undefined {
	if (fd !== undefined) return streamOf(fd);
	return stream && typeof stream === "object"
		? { chunks: stream, close() {} }
		: undefined;
}
