import {
	accessSync,
	type BigIntStats,
	constants,
	realpathSync,
	statSync,
} from "node:fs";
import { delimiter, isAbsolute, join, posix, resolve, win32 } from "node:path";
import { absence } from "./absence.ts";

const WINDOWS = process.platform === "win32";

/** What Windows appends to a bare name, in the order in which cmd.exe tries them. */
const WINDOWS_EXTENSIONS = [".com", ".exe", ".bat", ".cmd"];

/** A file to start: how it was asked for, where it was found, and what it really is. */
export interface Executable {
	readonly requested: string;
	/** Absolute, links not resolved; becomes argv[0]. */
	readonly found: string;
	/** Absolute, links resolved; the file that is started. */
	readonly real: string;
	/**
	 * Device and inode: which file this is, whatever its name is later made to mean.
	 * Windows uses all 64 bits, more than a number has.
	 */
	readonly device: bigint;
	readonly inode: bigint;
	readonly mode: number;
	/** When its content or rights last changed, in nanoseconds (st_ctime, inode(7)). */
	readonly changed: bigint;
}

type Fingerprint = Pick<Executable, "device" | "inode" | "mode" | "changed">;

/**
 * The directories of a PATH in which programs are looked for: absolute ones
 * only, as an empty or relative entry means whatever directory happens to be
 * current (CWE-426).
 */
export function searchDirectories(path: string | undefined): readonly string[] {
	const entries = (path ?? "").split(delimiter);
	return [...new Set(entries.filter((entry) => isAbsolute(entry)))];
}

/** Whether a name is to be looked up in PATH, as execvp(3) decides it. */
export function isBareName(name: string): boolean {
	return !name.includes("/") && !(WINDOWS && /[\\:]/.test(name));
}

/**
 * Finds the file that a name means: a bare name in `directories`, anything else
 * against `cwd`. Undefined where there is no such file.
 */
export function findExecutable(
	name: string,
	directories: readonly string[],
	cwd: string,
): Executable | undefined {
	if (name === "" || name.includes("\0")) return undefined;
	if (WINDOWS && namesStream(name)) return undefined;
	const candidates = isBareName(name)
		? directories.map((directory) => join(directory, name))
		: [resolve(cwd, name)];
	for (const path of candidates.flatMap(withExtensions)) {
		const executable = identify(name, path);
		if (!executable) continue;
		if (isBareName(name) && !isExecutable(executable.real)) continue;
		return executable;
	}
	return undefined;
}

/**
 * Whether a path means a stream beside a file's content (`notes.txt:evil.exe`),
 * which is no program that anybody allowed; Windows has them, and writes them so.
 */
export function namesStream(path: string): boolean {
	return path.replace(/^(?:[\\/]{2}[?.][\\/])?[a-z]:/i, "").includes(":");
}

function withExtensions(path: string): readonly string[] {
	if (!WINDOWS || /\.(com|exe|bat|cmd)$/i.test(path)) return [path];
	return [...WINDOWS_EXTENSIONS.map((extension) => path + extension), path];
}

function isExecutable(path: string): boolean {
	try {
		accessSync(path, constants.X_OK);
		return true;
	} catch {
		return false;
	}
}

function identify(requested: string, found: string): Executable | undefined {
	try {
		// One stat before the real path, as most candidates of a search don't exist.
		const info = statSync(found, { throwIfNoEntry: false, bigint: true });
		if (!info?.isFile()) return undefined;
		const real = realpathSync.native(found);
		const print = real === found ? printOf(info) : fingerprint(real);
		return { requested, found, real, ...print };
	} catch (error) {
		return absence(error);
	}
}

/**
 * Which file a real path names now.
 *
 * @throws Error where there is none
 */
export function fingerprint(real: string): Fingerprint {
	return printOf(statSync(real, { bigint: true }));
}

function printOf({ dev, ino, mode, ctimeNs }: BigIntStats): Fingerprint {
	return { device: dev, inode: ino, mode: Number(mode), changed: ctimeNs };
}

/**
 * A path's last part as the tables of names know it. On Windows that is without
 * what the system takes away from a name (trailing dots and spaces), adds to it
 * (.exe) or keeps beside it (an alternate stream); there and on macOS, whose file
 * systems know no case, in lower case.
 */
export function programName(
	path: string,
	platform: NodeJS.Platform = process.platform,
): string {
	if (platform !== "win32") {
		const name = posix.basename(path);
		return platform === "darwin" ? name.toLowerCase() : name;
	}
	return win32
		.basename(path.replace(/^[a-z]:(?![\\/])/i, ""))
		.replace(/:.*$/, "")
		.replace(/[. ]+$/, "")
		.replace(/\.(exe|com|bat|cmd)$/i, "")
		.replace(/[. ]+$/, "")
		.toLowerCase();
}

/** `bash-5.2` and `python3.11` without their versions. */
export function withoutVersion(name: string): string {
	return name.replace(/[-_.]?\d[\d.]*$/, "");
}

const MULTI_CALL = new Set(["busybox", "toybox", "coreutils"]);

/** Whether a file is a program that acts as the applet by whose name it is called. */
export function isMultiCall(executable: Executable): boolean {
	return multiCallName(executable.real) !== undefined;
}

function multiCallName(path: string): string | undefined {
	const name = programName(path);
	// busybox itself takes any name that starts with its own for its own.
	return [...MULTI_CALL].find((known) => name.startsWith(known));
}

/**
 * The names by which an executable is judged: the one asked for, the one found
 * and the real file's; for an applet of a multi-call program only the first
 * two, as the real file's name says nothing of what will run.
 */
export function judgedNames(
	requested: string,
	executable: Executable | undefined,
): readonly string[] {
	const names = [programName(requested)];
	if (executable) {
		names.push(programName(executable.found));
		const multiCall = multiCallName(executable.real);
		const asItself = multiCallName(executable.found);
		if (!multiCall) names.push(programName(executable.real));
		if (asItself) names.push(asItself);
	}
	return [...new Set(names)];
}

/** The names of the applets that a multi-call program, run as itself, would take from its arguments. */
export function appletsInArguments(
	executable: Executable | undefined,
	args: readonly string[],
): readonly string[] {
	if (multiCallAsItself(executable) === undefined) return [];
	return args
		.slice(0, 2)
		.map((arg) =>
			programName(arg.replace(/^--coreutils-prog(-shebang)?=/, "")),
		);
}

/** The multi-call program that an executable would run as itself, taking the applet from its arguments. */
export function multiCallAsItself(
	executable: Executable | undefined,
): string | undefined {
	return executable && multiCallName(executable.found);
}
