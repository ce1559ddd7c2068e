import { closeSync, openSync, readSync } from "node:fs";
import { programName } from "./executable.ts";
import { innerCommand, isWrapper } from "./wrapper.ts";

/** The kernel reads no more of a script's first line (execve(2), BINPRM_BUF_SIZE). */
const LINE = 256;

/** The program that a script's first line names: its path, and the name of what really runs. */
export interface Interpreter {
	readonly path: string;
	/** As the tables of names know it; behind `env`, the program that env starts. */
	readonly name: string;
}

/** What a file's `#!` line names; undefined where it has none or can't be read. */
export function interpreterOf(path: string): Interpreter | undefined {
	try {
		const fd = openSync(path, "r");
		try {
			const head = Buffer.alloc(LINE);
			return parseShebang(head.toString("utf8", 0, readSync(fd, head)));
		} finally {
			closeSync(fd);
		}
	} catch {
		return undefined;
	}
}

/** Reads the first line of a file as the kernel does (execve(2)). */
export function parseShebang(text: string): Interpreter | undefined {
	const line = /^#![ \t]*([^\n]*)/.exec(text)?.[1];
	const [path, ...words] = line?.trim().split(/[ \t]+/) ?? [];
	if (!path) return undefined;
	return { path, name: innermost(programName(path), words) };
}

/** The name of what runs in the end, behind env and its like. */
function innermost(name: string, words: readonly string[]): string {
	if (!isWrapper(name)) return name;
	// env -S splits what the kernel passes as one argument.
	const args = words.flatMap((word, index) =>
		index === 0 && word.startsWith("-S") ? word.slice(2) || [] : word,
	);
	const inner = innerCommand(name, args);
	return inner.kind === "command"
		? innermost(programName(inner.executable), inner.args)
		: name;
}
