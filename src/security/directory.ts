import { accessSync, constants, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, resolve, sep } from "node:path";
import type { Config } from "../config/schema.ts";
import { ProcessError, violation } from "../errors.ts";
import { absence } from "./absence.ts";

const CASELESS = process.platform === "win32" || process.platform === "darwin";

/** Where processes may run; every path in it with its links resolved. */
export interface DirectoryPolicy {
	readonly allowed: readonly string[];
	readonly blocked: readonly string[];
	/** Where a process runs whose request names no directory; undefined where none is allowed and there. */
	readonly fallback: string | undefined;
}

/**
 * Reads the policy once: a link in an allowed directory's own path is resolved
 * now, so that changing it later moves no boundary.
 */
export function directoryPolicy(
	config: Pick<
		Config,
		"allowedWorkingDirectories" | "blockedWorkingDirectories"
	>,
	serverDirectory: string,
): DirectoryPolicy {
	const allowed = config.allowedWorkingDirectories.map(pin);
	const blocked = config.blockedWorkingDirectories.map(pin);
	const fallback = [serverDirectory, ...allowed]
		.map(realDirectory)
		.find((path) => path !== undefined && isPermitted(path, allowed, blocked));
	return { allowed, blocked, fallback };
}

/** The directory that a request means, before anything is checked: absolute, links not resolved. */
export function intendedDirectory(
	requested: string | undefined,
	policy: DirectoryPolicy,
	serverDirectory: string,
): string {
	const base = policy.fallback ?? serverDirectory;
	return requested === undefined ? base : resolve(base, requested);
}

/**
 * The real directory in which a process is to run.
 *
 * @throws ProcessError SECURITY_VIOLATION working_directory_restricted, or
 *   INVALID_WORKING_DIRECTORY where there is no such directory
 */
export function checkDirectory(
	intended: string,
	policy: DirectoryPolicy,
): string {
	const real = intended.includes("\0") ? undefined : realDirectory(intended);
	const { allowed, blocked } = policy;
	if (!isPermitted(real ?? intended, allowed, blocked)) {
		const name =
			real === undefined || real === intended
				? intended
				: `${intended} (really ${real})`;
		const by = blocked.find((each) => isWithin(real ?? intended, each));
		throw violation(
			"working_directory_restricted",
			`Working directory not in allowed list: ${name}${by === undefined ? "" : `, as ${by} is blocked`}`,
			by === undefined
				? `Use a directory in ${allowed.join(", ")}; or the user adds this one to allowedWorkingDirectories.`
				: `Use another directory; or the user takes ${by} out of blockedWorkingDirectories.`,
			{
				directory: real ?? intended,
				key:
					by === undefined
						? "allowedWorkingDirectories"
						: "blockedWorkingDirectories",
			},
		);
	}
	if (real === undefined) {
		const isOfFile = isFile(intended, policy);
		throw new ProcessError(
			"INVALID_WORKING_DIRECTORY",
			`Working directory ${isOfFile ? "is a file" : "is not a directory or can't be entered"}: ${JSON.stringify(intended)}`,
			remedy(intended, isOfFile),
			{ directory: intended },
		);
	}
	return real;
}

function remedy(intended: string, isOfFile: boolean): string {
	if (isOfFile)
		return `Give a directory as cwd; that of this file is ${JSON.stringify(dirname(intended))}.`;
	// Who is told to create "~" makes a folder of that name.
	return intended.split(sep).some((part) => part.startsWith("~"))
		? "No shell makes a home directory of ~: give the full path."
		: "Create the directory first, or give another cwd.";
}

/** Whether a file is there; of one that a link leads out to nothing is told. */
function isFile(path: string, { allowed, blocked }: DirectoryPolicy): boolean {
	if (path.includes("\0")) return false;
	try {
		const real = realpathSync.native(path);
		return isPermitted(real, allowed, blocked) && statSync(real).isFile();
	} catch {
		return false;
	}
}

/** A path with every link resolved that is there; what isn't there yet follows as it is written. */
function pin(path: string): string {
	const absolute = resolve(path);
	const parent = dirname(absolute);
	return (
		realDirectory(absolute) ??
		(parent === absolute ? absolute : join(pin(parent), basename(absolute)))
	);
}

function realDirectory(path: string): string | undefined {
	try {
		const real = realpathSync.native(path);
		if (!statSync(real).isDirectory()) return undefined;
		accessSync(real, constants.X_OK);
		return real;
	} catch (error) {
		return absence(error);
	}
}

function isPermitted(
	path: string,
	allowed: readonly string[],
	blocked: readonly string[],
): boolean {
	if (blocked.some((directory) => isWithin(path, directory))) return false;
	return (
		allowed.length === 0 ||
		allowed.some((directory) => isWithin(path, directory))
	);
}

/** Whether `path` is `directory` or below it: `/srv/ab` is not within `/srv/a`. */
export function isWithin(path: string, directory: string): boolean {
	const fold = (text: string) => (CASELESS ? text.toLowerCase() : text);
	const inner = fold(path);
	const outer = fold(directory);
	if (inner === outer) return true;
	return inner.startsWith(outer.endsWith(sep) ? outer : outer + sep);
}
