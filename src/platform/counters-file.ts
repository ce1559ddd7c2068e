import { closeSync, openSync, readSync } from "node:fs";

/** Files that are kept open for this, over all trees; descriptors are needed for pipes first. */
const MOST_FILES = 4096;
/** Bytes of a file that are compared; its counters stand first. */
const LENGTH = 64;

const buffer = Buffer.alloc(LENGTH);
let open = 0;

/** A file of counters that is kept open, as to open it costs three times as much as to read it. */
export class CountersFile {
	readonly #last = Buffer.alloc(LENGTH);
	#length = 0;
	#isGone = false;

	private constructor(private readonly fd: number) {}

	/** Undefined where it can't be opened, too many are, or the kernel counts nothing (no CONFIG_SCHED_INFO). */
	static open(path: string): CountersFile | undefined {
		if (open >= MOST_FILES) return undefined;
		try {
			const counters = new CountersFile(openSync(path, "r"));
			open++;
			if (counters.#read() > 0 && !buffer.toString("latin1").startsWith("0 "))
				return counters;
			counters.close();
		} catch {
			// Whoever it is about has ended, or is not this user's to look at.
		}
		return undefined;
	}

	/** Whether they are as they were when this was last asked; not so the first time. */
	areSame(): boolean {
		const length = this.#read();
		const isSame =
			length > 0 &&
			length === this.#length &&
			this.#last.compare(buffer, 0, length, 0, length) === 0;
		if (isSame) return true;
		this.#length = length;
		buffer.copy(this.#last);
		return false;
	}

	/** Whether what it counted for is gone, though its pid may have come again. */
	get isGone(): boolean {
		return this.#isGone;
	}

	#read(): number {
		try {
			return readSync(this.fd, buffer, 0, LENGTH, 0);
		} catch {
			this.#isGone = true;
			return 0;
		}
	}

	close(): void {
		closeSync(this.fd);
		open--;
	}
}
