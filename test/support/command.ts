import { BINARY } from "./server.ts";

/** What a command that is not a server did. */
export interface CommandResult {
	readonly code: number;
	readonly stdout: string;
	readonly stderr: string;
}

/** Runs the compiled program with its standard input closed, to its end; HOME is `cwd`. */
export async function runCommand(
	args: readonly string[],
	options: {
		readonly cwd: string;
		readonly env?: Readonly<Record<string, string>>;
		readonly binary?: string;
	},
): Promise<CommandResult> {
	const child = Bun.spawn([options.binary ?? BINARY, ...args], {
		cwd: options.cwd,
		env: { PATH: process.env.PATH ?? "", HOME: options.cwd, ...options.env },
		stdin: "ignore",
		stdout: "pipe",
		stderr: "pipe",
		timeout: 20_000,
	});
	const [stdout, stderr, code] = await Promise.all([
		child.stdout.text(),
		child.stderr.text(),
		child.exited,
	]);
	return { code, stdout, stderr };
}

/** Runs it as a person does, in a folder. */
export function runIn(cwd: string, ...args: string[]): Promise<CommandResult> {
	return runCommand(args, { cwd });
}
