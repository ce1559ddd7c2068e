import { closeSync, writeSync } from "node:fs";
import type { FileSink } from "bun";
import { systemCode } from "../errors.ts";
import type { Platform } from "../platform/platform.ts";
import { settlesWithin } from "./timer.ts";
import { InputClosedError, type Pending, WriteQueue } from "./write-queue.ts";

/** The write end of a child's standard input. */
export interface InputStream {
	/**
	 * Writes in the order of the calls and returns the bytes that the child's pipe
	 * took within `timeout` milliseconds, or until `signal` was aborted; text is
	 * never cut within a character.
	 *
	 * @throws InputClosedError where nobody can read any more
	 */
	write(
		bytes: Uint8Array,
		timeout: number,
		signal?: AbortSignal,
	): Promise<number>;
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
	/** Whether nothing can be written any more. */
	readonly closed: boolean;
	/** Whether that is because `end` was called. */
	readonly wasEnded: boolean;
}

const FIRST_WAIT = 1;
const LONGEST_WAIT = 20;

const NOTHING = new Uint8Array(0);

/** Standard input over a kernel pipe whose write end does not block. */
export class PipeInput implements InputStream {
	readonly #queue = new WriteQueue<"write" | "pass" | "end">();
	#timer: ReturnType<typeof setTimeout> | undefined;
	#wait = FIRST_WAIT;
	#state: "open" | "ending" | "ended" | "broken" = "open";
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
		return this.#state !== "open";
	}

	get wasEnded(): boolean {
		return this.#state === "ending" || this.#state === "ended";
	}

	async write(
		bytes: Uint8Array,
		timeout: number,
		signal?: AbortSignal,
	): Promise<number> {
		this.#requireOpen();
		if (bytes.length === 0) return 0;
		const written = this.#queue.add("write", bytes, timeout, signal);
		this.#start();
		return written;
	}

	async pass(bytes: Uint8Array): Promise<void> {
		this.#requireOpen();
		if (!this.#isWide) this.widen(this.fd);
		this.#isWide = true;
		const passed = this.#queue.add("pass", bytes);
		this.#start();
		await passed;
	}

	async end(): Promise<void> {
		if (this.#state === "ended" || this.#state === "broken") return;
		this.#state = "ending";
		// It is given up when the input is closed, which is what it is for.
		const ended = this.#queue.add("end", NOTHING).catch(() => {});
		this.#start();
		await ended;
	}

	close(): void {
		if (this.#state === "ended" || this.#state === "broken") return;
		this.#state = this.#state === "ending" ? "ended" : "broken";
		clearTimeout(this.#timer);
		this.#timer = undefined;
		closeSync(this.fd);
		this.#queue.close("standard input was closed");
	}

	#requireOpen(): void {
		if (this.closed) throw new InputClosedError("already closed");
	}

	#start(): void {
		if (this.#timer === undefined) this.#pump();
	}

	/** Writes until the pipe is full, then tries again a little later. */
	#pump(): void {
		this.#timer = undefined;
		for (let head = this.#queue.head; head; head = this.#queue.head) {
			const result = head.kind === "end" ? "closed" : this.#drain(head);
			if (result === "closed") {
				this.close();
				return;
			}
			if (result === "full") {
				this.#timer = setTimeout(() => this.#pump(), this.#wait);
				this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
				return;
			}
			this.#queue.next();
		}
	}

	#drain(pending: Pending<"write" | "pass" | "end">) {
		const { bytes, kind } = pending;
		const piece = kind === "pass" ? bytes.length : this.atomicBytes;
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
	#state: "open" | "ended" | "broken" = "open";
	readonly #closing = Promise.withResolvers<void>();

	constructor(private readonly sink: FileSink) {}

	get closed(): boolean {
		return this.#state !== "open";
	}

	get wasEnded(): boolean {
		return this.#state === "ended";
	}

	async write(
		bytes: Uint8Array,
		timeout: number,
		signal?: AbortSignal,
	): Promise<number> {
		if (this.closed) throw new InputClosedError("already closed");
		if (signal?.aborted) return 0;
		try {
			this.sink.write(bytes);
			const flushed = this.sink.flush();
			if (flushed instanceof Promise && timeout !== Number.POSITIVE_INFINITY)
				await settlesWithin(flushed, timeout, signal);
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
		if (this.closed) throw new InputClosedError("standard input was closed");
	}

	async end(): Promise<void> {
		this.#close("ended");
	}

	close(): void {
		this.#close("broken");
	}

	#close(state: "ended" | "broken"): void {
		if (this.closed) return;
		this.#state = state;
		this.#closing.resolve();
		// Resolves when the child has taken the rest, or fails when it has ended.
		Promise.resolve(this.sink.end()).catch(() => {});
	}
}

/**
 * A child's standard input from this side; undefined where it has none.
 *
 * @param fd write end of a kernel pipe, where there is one
 * @param stdin else what the runtime made
 */
export function inputOf(
	fd: number | undefined,
	stdin: Bun.Subprocess["stdin"] | null,
	pipes: Platform["pipes"],
): InputStream | undefined {
	if (fd !== undefined && pipes)
		return new PipeInput(fd, pipes.atomicBytes, pipes.widen);
	return stdin && typeof stdin === "object" ? new SinkInput(stdin) : undefined;
}
