import {
	closeSync,
	fchmodSync,
	fchownSync,
	fstatSync,
	fsyncSync,
	lstatSync,
	mkdirSync,
	openSync,
	readFileSync,
	realpathSync,
	renameSync,
	rmSync,
	type Stats,
	statSync,
	writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { systemCode } from "../errors.ts";

/** A text file as it was read. */
export interface TextFile {
	/** Its own path, links resolved. */
	readonly path: string;
	/** Empty where the file isn't there. */
	readonly text: string;
	/** What it was when it was read; undefined where it wasn't there. */
	readonly stats: Stats | undefined;
}

/** @throws Error where there is something at the path that can't be read as text */
export function readTextFile(path: string): TextFile {
	let real: string;
	try {
		real = realpathSync(path);
	} catch (error) {
		if (systemCode(error) !== "ENOENT" || isLink(path)) throw error;
		return { path, text: "", stats: undefined };
	}
	const stats = statSync(real);
	if (!stats.isFile()) throw new Error("it is not a file");
	const bytes = readFileSync(real);
	const text = new TextDecoder("utf-8", {
		fatal: true,
		ignoreBOM: true,
	}).decode(bytes);
	return { path: real, text, stats };
}

function isLink(path: string): boolean {
	return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/**
 * Puts a new text in the place of a file, at once: whoever reads it gets the old
 * text or the new one, never a part. Its mode and owner stay, and the old text
 * stays beside it.
 *
 * @returns the path of the old text's copy; undefined where there was none
 * @throws Error where it can't be written, or was changed since it was read
 */
export function replaceTextFile(
	file: TextFile,
	text: string,
): string | undefined {
	const { path, stats } = file;
	mkdirSync(dirname(path), { recursive: true });
	const fresh = `${path}.${process.pid}.new`;
	let backup: string | undefined;
	try {
		writeLike(fresh, text, stats);
		if (stats) {
			const stamp = new Date().toISOString().replace(/[-:.]/g, "");
			backup = `${path}.${stamp}.backup`;
			writeLike(backup, file.text, stats);
		}
		requireUnchanged(file);
		renameSync(fresh, path);
		return backup;
	} catch (error) {
		rmSync(fresh, { force: true });
		if (backup !== undefined) rmSync(backup, { force: true });
		throw error;
	}
}

/** A new file, readable by its owner alone unless it is to be like another one. */
function writeLike(path: string, text: string, like: Stats | undefined): void {
	const fd = openSync(path, "wx", 0o600);
	try {
		writeFileSync(fd, text);
		if (like && process.platform !== "win32") {
			const { uid, gid } = fstatSync(fd);
			if (uid !== like.uid || gid !== like.gid)
				fchownSync(fd, like.uid, like.gid);
			fchmodSync(fd, like.mode & 0o7777);
		}
		fsyncSync(fd);
	} finally {
		closeSync(fd);
	}
}

/** Its client may have written it in the meantime. */
function requireUnchanged({ path, stats }: TextFile): void {
	const now = statSync(path, { throwIfNoEntry: false });
	const same =
		now?.ino === stats?.ino &&
		now?.size === stats?.size &&
		now?.mtimeMs === stats?.mtimeMs;
	if (!same) throw new Error("it was changed at the same time; try again");
}
