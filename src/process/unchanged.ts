import { realpathSync } from "node:fs";
import { violation } from "../errors.ts";
import { fingerprint } from "../security/executable.ts";
import type { Admitted } from "../security/gate.ts";
import { isSameFile } from "../security/judge.ts";
import { launchFailure } from "./launch-failure.ts";

/**
 * Looks a last time whether the file and the directory are those that were
 * judged: a link or a file swapped in between would start something else
 * (CWE-367). What is left is the time to the system's own look at the path.
 *
 * @throws ProcessError unsafe_location, or what a file that is gone means
 */
export function requireUnchanged({ executable, inner, cwd }: Admitted): void {
	const { real } = executable;
	let stays: boolean;
	try {
		stays =
			[executable, ...inner].every(
				(file) =>
					isSameFile({ ...file, ...fingerprint(file.real) }, file) &&
					realpathSync.native(file.real) === file.real,
			) && realpathSync.native(cwd) === cwd;
	} catch (error) {
		throw launchFailure(error, { executable, cwd });
	}
	if (stays) return;
	throw violation(
		"unsafe_location",
		`${real} or the working directory was changed between check and start`,
		"Start it again; if it happens again, something keeps replacing the file.",
		{ executable: real },
	);
}
