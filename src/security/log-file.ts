import {
	closeSync,
	constants,
	fchmodSync,
	fstatSync,
	fsyncSync,
	ftruncateSync,
	lstatSync,
	mkdirSync,
	mkdtempSync,
	openSync,
	readdirSync,
	renameSync,
	rmdirSync,
	rmSync,
	statfsSync,
	statSync,
	unlinkSync,
	writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { systemCode } from "../errors.ts";

/** Bytes after which a file is put aside. */
const MAX_BYTES = 20 * 2 ** 20;
/** Files put aside that are kept. */
const KEPT = 10;

interface OpenLog {
	readonly fd: number;
	/** Which file that is, whatever the path names later. */
	readonly inode: bigint;
	readonly device: bigint;
	readonly size: bigint;
	readonly mode: bigint;
}

/** A file that ends within a line. */
interface Torn extends Omit<OpenLog, "fd"> {
	/** What is missing of the line. */
	readonly rest: Buffer;
}

/**
 * A file of lines that is only ever appended to, opened at the first line and,
 * after a failure, again at the next one: a full disk stops its writer only while
 * it lasts. Several servers may write to the same path.
 */
export class LogFile {
	#open: OpenLog | undefined;
	#torn: Torn | undefined;
	#hasFailed = false;

	/** @param onExposed told of a mode, not the owner's alone, that was undone */
	constructor(
		readonly path: string,
		private readonly onExposed: (mode: string) => void,
		private readonly maxBytes = MAX_BYTES,
	) {}

	/** @throws Error where the file can't be opened */
	open(): void {
		this.#current();
	}

	/**
	 * Leaves nothing behind: where a file would be made, it is tried with another one.
	 *
	 * @throws Error where no line could be written
	 */
	requireWritable(): void {
		if (this.#open || this.#hasFailed) this.open();
		else if (isThere(this.path)) closeSync(openLog(this.path).fd);
		else requireMakeable(this.path);
		requireRoom(this.path);
	}

	/**
	 * Writes a line as a whole or, where the disk has no room for that, nothing of
	 * it. A line that failed is to be given again before any other: of one that was
	 * cut short in a file that can only grow, the rest is written then.
	 *
	 * @throws Error where the line can't be written as a whole
	 */
	append(line: string): void {
		try {
			const log = this.#current();
			const bytes = this.#rest(log, line);
			const written = writeSync(log.fd, bytes);
			if (written === bytes.length) {
				this.#torn = undefined;
				return;
			}
			const size = written > 0 ? takeBack(log, written) : undefined;
			if (size !== undefined)
				this.#torn = { ...log, size, rest: bytes.subarray(written) };
			throw new Error("the disk is full");
		} catch (error) {
			this.close();
			throw error;
		}
	}

	/** What is still to be written of a line. */
	#rest({ inode, device, size }: OpenLog, line: string): Buffer {
		const torn = this.#torn;
		if (torn?.inode !== inode || torn.device !== device)
			return Buffer.from(`${line}\n`);
		if (torn.size === size) return torn.rest;
		// Another server's line came beside what is there of it.
		return Buffer.from(`\n${line}\n`);
	}

	/** Brings what was written to the disk and closes the file. */
	close(): void {
		if (!this.#open) return;
		const { fd } = this.#open;
		this.#open = undefined;
		try {
			fsyncSync(fd);
		} catch {
			// Not every file can be synchronised; what was written stays written.
		}
		closeSync(fd);
	}

	/** The file that the path names now, the owner's alone. */
	#current(): OpenLog {
		const log = this.#named();
		const mode = log.mode & 0o777n;
		if (process.platform !== "win32" && mode !== 0o600n) {
			fchmodSync(log.fd, 0o600);
			this.onExposed(mode.toString(8));
		}
		return log;
	}

	/** Another server may have put the one before aside. */
	#named(): OpenLog {
		if (this.#open) {
			const { fd, inode, device } = this.#open;
			const there = statSync(this.path, {
				throwIfNoEntry: false,
				bigint: true,
			});
			const stays = there?.ino === inode && there.dev === device;
			if (stays && there.size < this.maxBytes)
				return { fd, inode, device, size: there.size, mode: there.mode };
			this.close();
			if (stays) putAside(this.path);
		}
		this.#hasFailed = true;
		this.#open = openLog(this.path);
		this.#hasFailed = false;
		return this.#open;
	}
}

/**
 * Takes the last bytes of a file, a part of a line, back.
 *
 * @returns undefined, or the size of a file that keeps them; -1 where they may not be its last
 */
function takeBack({ fd, size: before }: OpenLog, count: number) {
	const { size } = fstatSync(fd, { bigint: true });
	// Another server's line is beside them, which must stay.
	if (size !== before + BigInt(count)) return -1n;
	try {
		ftruncateSync(fd, Number(before));
		return undefined;
	} catch {
		// A file that can only grow: chattr +a, or Windows.
		return size;
	}
}

/** @throws Error where a file, or the folders on the way to it, can't be made; only trying shows that */
function requireMakeable(path: string): void {
	const folder = nearestFolder(path);
	const isThere = folder === dirname(path);
	const place = isThere ? folder : mkdtempSync(join(folder, PROBE));
	try {
		const file = join(place, `${PROBE}${crypto.randomUUID()}`);
		closeSync(openSync(file, "wx", 0o600));
		unlinkSync(file);
	} finally {
		if (!isThere) rmdirSync(place);
	}
}

/** A link that leads nowhere is there too: nothing can be made in its place. */
function isThere(path: string): boolean {
	try {
		lstatSync(path);
		return true;
	} catch (error) {
		if (["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "")) return false;
		throw error;
	}
}

/** What a file is called that is made to see whether one can be. */
const PROBE = ".mcp-process-";

/** @throws Error where none is there, or something else is in its place */
function nearestFolder(path: string): string {
	let folder = dirname(path);
	// A drive that is not there has no folder above it.
	while (!isThere(folder) && folder !== dirname(folder))
		folder = dirname(folder);
	if (!statSync(folder).isDirectory())
		throw new Error(`${folder} is not a directory`);
	return folder;
}

/** Bytes that any record takes. */
const SMALLEST = 300;

/** @throws Error where the disk of a path has no room for a record, as far as the system tells */
function requireRoom(path: string): void {
	const { bsize, blocks, bavail, bfree } = statfsSync(nearestFolder(path));
	const free = process.getuid?.() === 0 ? bfree : bavail;
	const used = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
	// Some systems of files don't tell; of a block that is begun the rest is free.
	const lastBlock = (bsize - (used % bsize)) % bsize;
	if (blocks > 0 && free * bsize + lastBlock < SMALLEST)
		throw new Error("the disk is full");
}

/** The files put aside for a path, oldest first. */
export function asideOf(path: string): string[] {
	const prefix = `${basename(path)}.`;
	const folder = dirname(path);
	return readdirSync(folder)
		.filter(
			(name) =>
				name.startsWith(prefix) &&
				/^\d{8}T\d{9}Z$/.test(name.slice(prefix.length)),
		)
		.sort()
		.map((name) => join(folder, name));
}

/** How many files put aside are kept; with so many, older ones may have been removed. */
export const ASIDE_KEPT = KEPT;

/** Gives the file a name of its own, claimed first, as another server may do the same. */
function putAside(path: string): void {
	for (let time = Date.now(); ; time++) {
		const stamp = new Date(time).toISOString().replace(/[-:.]/g, "");
		const target = `${path}.${stamp}`;
		if (!claim(target)) continue;
		try {
			renameSync(path, target);
		} catch (error) {
			rmSync(target, { force: true });
			if (systemCode(error) !== "ENOENT") throw error;
		}
		break;
	}
	for (const old of asideOf(path).slice(0, -KEPT)) rmSync(old, { force: true });
}

function claim(path: string): boolean {
	try {
		closeSync(openSync(path, "wx", 0o600));
		return true;
	} catch (error) {
		if (systemCode(error) === "EEXIST") return false;
		throw error;
	}
}

/** Opens for appending only, never through a link, readable by the user alone. */
function openLog(path: string): OpenLog {
	mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
	const { O_WRONLY, O_APPEND, O_CREAT } = constants;
	const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
	const flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
	const fd = openSync(path, flags, 0o600);
	try {
		const info = fstatSync(fd, { bigint: true });
		if (!info.isFile()) throw new Error("it is not a file");
		const { ino: inode, dev: device, size, mode } = info;
		return { fd, inode, device, size, mode };
	} catch (error) {
		closeSync(fd);
		throw error;
	}
}
