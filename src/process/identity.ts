import type { Limits } from "../security/resources.ts";

/** What a process is known by from its start to its being forgotten. */
export interface Identity {
	readonly name: string | undefined;
	/** The executable as it was asked for. */
	readonly command: string;
	/** The file that was started. */
	readonly file: string;
	readonly args: readonly string[];
	readonly cwd: string;
	readonly agent: string;
	readonly limits: Limits;
	/** Milliseconds after which it is ended, each with the cause it then has. */
	readonly deadlines: Readonly<Partial<Record<"timeout" | "lifetime", number>>>;
}
