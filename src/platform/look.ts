import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { isExhaustion, systemCode } from "../errors.ts";

/** Kept for when this process has no other left: what can't be looked at would seem to have ended. */
let spare: number | undefined;

/**
 * What a read gives; undefined where there is nothing to read, as a process may end
 * between any two looks at it, or where it is not this user's to read.
 *
 * @throws Error where that can't be known: this process is out of descriptors or
 *   memory, and who concluded that a process is gone would be wrong
 */
export function look<T>(read: () => T): T | undefined {
	spare ??= openSpare();
	try {
		return read();
	} catch (error) {
		if (isAbsence(error)) return undefined;
		if (spare === undefined || !isExhaustion(error)) throw error;
	}
	closeSync(spare);
	try {
		return read();
	} catch (error) {
		if (isAbsence(error)) return undefined;
		throw error;
	} finally {
		spare = openSpare();
	}
}

/** A file's text; undefined where there is none, as with `look`. */
export function readIfThere(path: string): string | undefined {
	return look(() => readFileSync(path, "utf8"));
}

const page = Buffer.allocUnsafe(4096);

/**
 * As `readIfThere`, in half the time, of a file that the kernel makes in one piece
 * (single_open() in fs/seq_file.c, kernfs): one read that does not fill its buffer
 * gives all of it. Lists, as /proc/PID/task/TID/children, are none.
 */
export function readRecord(path: string): string | undefined {
	return look(() => {
		const fd = openSync(path, "r");
		try {
			const length = readSync(fd, page, 0, page.length, 0);
			return length < page.length
				? page.toString("utf8", 0, length)
				: readFileSync(fd, "utf8");
		} finally {
			closeSync(fd);
		}
	});
}

function openSpare(): number | undefined {
	try {
		return openSync("/dev/null", "r");
	} catch {
		return undefined;
	}
}

const ABSENT = ["ENOENT", "ESRCH", "ENODEV", "ENOTDIR", "EACCES", "EPERM"];

function isAbsence(error: unknown): boolean {
	return ABSENT.includes(systemCode(error) ?? "");
}
