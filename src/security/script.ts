import {
	closeSync,
	constants,
	openSync,
	readSync,
	realpathSync,
} from "node:fs";
import { systemCode } from "../errors.ts";
import { programName } from "./executable.ts";
import { innerCommand, isWrapper } from "./wrapper.ts";

/** The kernel reads no more of a script's first line (execve(2), BINPRM_BUF_SIZE). */
const LINE = 256;
/** Scripts that the kernel follows as each other's interpreters. */
const MOST_SCRIPTS = 5;

/** The program that a script's first line names: its path, and the name of what really runs. */
export interface Interpreter {
	readonly path: string;
	/** As the tables of names know it; behind `env`, the program that env starts. */
	readonly name: string;
}

/** What stands for an interpreter that can't be told: it is taken for the worst. */
const UNKNOWN = "sh";

/**
 * What a file's `#!` line names, links and scripts followed; undefined where it
 * has none.
 */
export function interpreterOf(
	path: string,
	depth = 0,
): Interpreter | undefined {
	const head = headOf(path);
	// Somebody keeps the file from being read, with a lease (fcntl(2)) for example.
	if (head === "busy") return { path, name: UNKNOWN };
	const found = head === undefined ? undefined : parseShebang(head);
	if (!found || isWrapper(programName(found.path))) return found;
	try {
		const real = realpathSync.native(found.path);
		if (depth >= MOST_SCRIPTS) return { path: real, name: UNKNOWN };
		const next = interpreterOf(real, depth + 1);
		return next ?? { path: found.path, name: programName(real) };
	} catch {
		return found;
	}
}

/** Whether the system can start a file by itself: a script, ELF or Mach-O. */
export function isLoadable(path: string): boolean {
	if (process.platform === "win32") return true;
	const head = headOf(path);
	return (
		head !== undefined &&
		/^(#!|\x7fELF|\xcf\xfa\xed\xfe|\xca\xfe\xba\xbe)/.test(head)
	);
}

/** The first bytes of a file, each a character; "busy" where reading would block. */
function headOf(path: string): string | undefined {
	const { O_RDONLY, O_NONBLOCK = 0 } = constants;
	try {
		const fd = openSync(path, O_RDONLY | O_NONBLOCK);
		try {
			const head = Buffer.alloc(LINE);
			return head.toString("latin1", 0, readSync(fd, head));
		} finally {
			closeSync(fd);
		}
	} catch (error) {
		return systemCode(error) === "EAGAIN" ? "busy" : undefined;
	}
}

/** Reads the first line of a file as the kernel does (execve(2)). */
export function parseShebang(text: string): Interpreter | undefined {
	const line = /^#![ \t]*([^\n\0]*)/.exec(text)?.[1];
	const [path, ...words] = line?.trim().split(/[ \t]+/) ?? [];
	if (!path) return undefined;
	return { path, name: innermost(programName(path), words) };
}

/** The name of what runs in the end, behind env and its like. */
function innermost(name: string, words: readonly string[]): string {
	if (!isWrapper(name) || words.length === 0) return name;
	// env -S splits what the kernel passes as one argument.
	const args = words.flatMap((word, index) =>
		index === 0 && word.startsWith("-S") ? word.slice(2) || [] : word,
	);
	const inner = innerCommand(name, args);
	if (inner.kind === "none") return name;
	if (inner.kind === "opaque" || /["'$\\]/.test(inner.executable))
		return UNKNOWN;
	return innermost(programName(inner.executable), inner.args);
}
