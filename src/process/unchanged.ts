import { realpathSync } from "node:fs";
import { violation } from "../errors.ts";
import type { Platform } from "../platform/platform.ts";
import { fingerprint } from "../security/executable.ts";
import type { Admitted } from "../security/gate.ts";
import { isSameFile } from "../security/judge.ts";
import { launchFailure } from "./launch-failure.ts";

/**
 * Starts something once it has looked a last time whether the file and the directory
 * are those that were judged: a link or a file swapped in between would start
 * something else (CWE-367). What is left is the time to the system's own look at
 * the file's path.
 *
 * @param start is given the directory to start it in: by a name that stays the same
 *   one's, where the system has such names
 * @throws ProcessError unsafe_location, or what a file that is gone means
 */
export function startUnchanged<T>(
	{ executable, inner, cwd }: Admitted,
	{ holdDirectory }: Platform,
	start: (directory: string) => T,
): T {
	const { real } = executable;
	let stays: boolean;
	using directory = holdDirectory?.(cwd);
	try {
		stays =
			[executable, ...inner].every(
				(file) =>
					isSameFile({ ...file, ...fingerprint(file.real) }, file) &&
					realpathSync.native(file.real) === file.real,
			) && (directory?.real ?? realpathSync.native(cwd)) === cwd;
	} catch (error) {
		throw launchFailure(error, { executable, cwd });
	}
	if (stays) return start(directory?.path ?? cwd);
	throw violation(
		"unsafe_location",
		`${real} or the working directory was changed between check and start`,
		"Start it again; if it happens again, something keeps replacing the file.",
		{ executable: real },
	);
}
