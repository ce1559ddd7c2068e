import { closeSync, writeSync } from "node:fs";
import type { FileSink } from "bun";
import { systemCode } from "../errors.ts";
import { settlesWithin } from "./timer.ts";

/** The write end of a child's standard input. */
export interface InputStream {
	/**
	 * Writes in the order of the calls and returns the bytes that the child's pipe
	 * took within `timeout` milliseconds; text is never cut within a character.
	 *
	 * @throws InputClosedError where nobody can read any more
	 */
	write(bytes: Uint8Array, timeout: number): Promise<number>;
	/**
	 * Writes all of it, in pieces of any size, however long that takes.
	 *
	 * @throws InputClosedError where nobody can read any more
	 */
	pass(bytes: Uint8Array): Promise<void>;
	/** Closes it once everything before was written or given up. */
	end(): Promise<void>;
	/** Closes it now; what waits is given up. */
	close(): void;
	readonly closed: boolean;
}

/** The child, or the whole of its tree, has closed its standard input. */
export class InputClosedError extends Error {
	/** @param written bytes that it had taken before */
	constructor(
		message: string,
		readonly written = 0,
	) {
		super(message);
	}
}

const FIRST_WAIT = 1;
const LONGEST_WAIT = 20;

interface Pending {
	readonly bytes: Uint8Array;
	/** Bytes of one write. */
	readonly piece: number;
	written: number;
	settle(result: number | InputClosedError): void;
}

/** Standard input over a kernel pipe whose write end does not block. */
export class PipeInput implements InputStream {
	readonly #queue: Pending[] = [];
	#timer: ReturnType<typeof setTimeout> | undefined;
	#wait = FIRST_WAIT;
	#ending: (() => void) | undefined;
	#closed = false;
	#isWide = false;

	/**
	 * @param fd write end, non-blocking; owned by this object from now on
	 * @param atomicBytes writes of at most so many bytes are whole or not at all
	 * @param widen has the pipe take more at once, where the system lets it
	 */
	constructor(
		private readonly fd: number,
		private readonly atomicBytes: number,
		private readonly widen: (fd: number) => void = () => {},
	) {}

	get closed(): boolean {
		return this.#closed || this.#ending !== undefined;
	}

	write(bytes: Uint8Array, timeout: number): Promise<number> {
		if (this.closed)
			return Promise.reject(new InputClosedError("already closed"));
		if (bytes.length === 0) return Promise.resolve(0);
		return new Promise((resolve, reject) => {
			const expire = () => {
				this.#queue.splice(this.#queue.indexOf(pending), 1);
				resolve(pending.written);
			};
			const timer =
				timeout === Number.POSITIVE_INFINITY
					? undefined
					: setTimeout(expire, timeout);
			const pending: Pending = {
				bytes,
				piece: this.atomicBytes,
				written: 0,
				settle(result) {
					clearTimeout(timer);
					if (typeof result === "number") resolve(result);
					else reject(result);
				},
			};
			this.#queue.push(pending);
			if (this.#timer === undefined) this.#pump();
		});
	}

	pass(bytes: Uint8Array): Promise<void> {
		if (this.closed)
			return Promise.reject(new InputClosedError("already closed"));
		if (!this.#isWide) this.widen(this.fd);
		this.#isWide = true;
		return new Promise((resolve, reject) => {
			this.#queue.push({
				bytes,
				piece: bytes.length,
				written: 0,
				settle: (result) =>
					typeof result === "number" ? resolve() : reject(result),
			});
			if (this.#timer === undefined) this.#pump();
		});
	}

	end(): Promise<void> {
		if (this.#closed) return Promise.resolve();
		return new Promise((resolve) => {
			const before = this.#ending;
			this.#ending = () => {
				before?.();
				resolve();
			};
			if (this.#timer === undefined) this.#pump();
		});
	}

	close(): void {
		if (this.#closed) return;
		this.#closed = true;
		clearTimeout(this.#timer);
		this.#timer = undefined;
		closeSync(this.fd);
		const message = "standard input was closed";
		for (const pending of this.#queue.splice(0))
			pending.settle(new InputClosedError(message, pending.written));
		this.#ending?.();
	}

	/** Writes until the pipe is full, then tries again a little later. */
	#pump(): void {
		this.#timer = undefined;
		if (this.#closed) return;
		for (let head = this.#queue[0]; head; head = this.#queue[0]) {
			const result = this.#drain(head);
			if (result === "closed") {
				this.close();
				return;
			}
			if (result === "full") {
				this.#timer = setTimeout(() => this.#pump(), this.#wait);
				this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
				return;
			}
			this.#queue.shift();
			head.settle(head.written);
		}
		if (this.#ending) this.close();
	}

	#drain(pending: Pending): "done" | "full" | "closed" {
		const { bytes, piece } = pending;
		while (pending.written < bytes.length) {
			const end = cutAtCharacter(bytes, pending.written + piece);
			try {
				pending.written += writeSync(
					this.fd,
					bytes,
					pending.written,
					end - pending.written,
				);
				this.#wait = FIRST_WAIT;
			} catch (error) {
				const code = systemCode(error);
				if (code === "EAGAIN") return "full";
				if (code === "EPIPE") return "closed";
				if (code !== "EINTR") throw error;
			}
		}
		return "done";
	}
}

/** The last place up to `end` that does not lie within a UTF-8 character. */
export function cutAtCharacter(bytes: Uint8Array, end: number): number {
	if (end >= bytes.length) return bytes.length;
	for (let cut = end; cut > end - 4; cut--) {
		if (((bytes[cut] ?? 0) & 0xc0) !== 0x80) return cut;
	}
	return end;
}

/**
 * Standard input over the runtime's own stream, where there are no kernel pipes
 * to be had. What the runtime has accepted counts as written.
 */
export class SinkInput implements InputStream {
	#closed = false;
	readonly #closing = Promise.withResolvers<void>();

	constructor(private readonly sink: FileSink) {}

	get closed(): boolean {
		return this.#closed;
	}

	async write(bytes: Uint8Array, timeout: number): Promise<number> {
		if (this.#closed) throw new InputClosedError("already closed");
		try {
			this.sink.write(bytes);
			const flushed = this.sink.flush();
			if (flushed instanceof Promise && timeout !== Number.POSITIVE_INFINITY)
				await settlesWithin(flushed, timeout);
			return bytes.length;
		} catch {
			this.close();
			throw new InputClosedError("standard input was closed");
		}
	}

	async pass(bytes: Uint8Array): Promise<void> {
		const taken = this.write(bytes, Number.POSITIVE_INFINITY).then(() =>
			this.sink.flush(),
		);
		// What a child that has ended didn't take would be waited for in vain.
		await Promise.race([taken, this.#closing.promise]);
		if (this.#closed) throw new InputClosedError("standard input was closed");
	}

	async end(): Promise<void> {
		this.close();
	}

	close(): void {
		if (this.#closed) return;
		this.#closed = true;
		this.#closing.resolve();
		// Resolves when the child has taken the rest, or fails when it has ended.
		Promise.resolve(this.sink.end()).catch(() => {});
	}
}
