import { minimatch } from "minimatch";
import type { Config } from "../config/schema.ts";
import {
	type Executable,
	findExecutable,
	isBareName,
	isMultiCall,
	programName,
	withoutVersion,
} from "./executable.ts";

const OPTIONS = {
	dot: true,
	nocase: process.platform === "win32" || process.platform === "darwin",
	// A `!` or `#` at the start of a path is a character, not an operator.
	nonegate: true,
	nocomment: true,
	windowsPathsNoEscape: process.platform === "win32",
} as const;

type Entry = Config["allowedExecutables"][number];

/** An entry of the allowlist in its one form. */
export type AllowRule = Exclude<Entry, string> & {
	/** Its place in the list. */
	readonly index: number;
};

/** Names and plain paths become rules without settings. */
export function toRules(entries: readonly Entry[]): AllowRule[] {
	return entries.map((entry, index) =>
		typeof entry === "string"
			? { executable: entry, index }
			: { ...entry, index },
	);
}

/** The rules that name an executable; all of them hold for it. */
export function matchingRules(
	executable: Executable,
	rules: readonly AllowRule[],
	directories: readonly string[],
): AllowRule[] {
	const allowing = rules.filter((rule) =>
		names(rule.executable, executable, directories),
	);
	if (allowing.length === 0) return [];
	// What restricts a program holds for it under any name.
	return rules.filter(
		(rule) =>
			allowing.includes(rule) ||
			(Object.keys(rule).length > 2 &&
				means(rule.executable, executable, directories)),
	);
}

/** Whether an entry means this file, by whatever name it is called: for what restricts, not for what allows. */
export function means(
	entry: string,
	executable: Executable,
	directories: readonly string[],
): boolean {
	if (names(entry, executable, directories)) return true;
	if (!isBareName(entry)) return false;
	const meant = meantBy(entry, executable, directories);
	return (
		meant !== undefined &&
		!isMultiCall(meant) &&
		meant.device === executable.device &&
		meant.inode === executable.inode
	);
}

/** Whether a rule names the path by which an executable was found, not only the file behind it. */
export function isNamedAsFound(
	executable: Executable,
	rules: readonly AllowRule[],
	directories: readonly string[],
): boolean {
	return rules.some(({ executable: entry }) =>
		isBareName(entry)
			? meantBy(entry, executable, directories)?.found === executable.found
			: matchesPath(executable.found, entry),
	);
}

/**
 * Whether a name that leads to no file is one that the list would allow.
 *
 * @param path where the file would be
 */
export function isListed(
	name: string,
	path: string,
	rules: readonly AllowRule[],
): boolean {
	return rules.some(({ executable: entry }) =>
		isBareName(entry) ? entry === name : matchesPath(path, entry),
	);
}

/** Whether an entry (bare name, path or glob) means this executable. */
export function names(
	entry: string,
	executable: Executable,
	directories: readonly string[],
): boolean {
	if (!isBareName(entry)) {
		return (
			matchesPath(executable.found, entry) ||
			matchesPath(executable.real, entry)
		);
	}
	// Both ways to be meant need the names to be alike, which costs no look at files.
	const called = withoutVersion(programName(executable.found));
	if (called !== withoutVersion(programName(entry))) return false;
	const meant = meantBy(entry, executable, directories);
	if (!meant) return false;
	if (meant.found === executable.found) return true;
	// The same file by another name is the same program (a virtual environment's
	// python), unless it is one that acts by the name by which it is called.
	return meant.real === executable.real && !isMultiCall(meant);
}

/** The file that a bare name means; what was asked for by that very name was already found. */
function meantBy(
	name: string,
	executable: Executable,
	directories: readonly string[],
): Executable | undefined {
	return executable.requested === name
		? executable
		: findExecutable(name, directories, "/");
}

function matchesPath(path: string, entry: string): boolean {
	return path === entry || minimatch(path, entry, OPTIONS);
}
