import type { Tree } from "../platform/platform.ts";
import type { Limits } from "../security/resources.ts";
import type { Exit } from "./exit.ts";

export const STATES = ["running", "stopped", "crashed"] as const;
export type State = (typeof STATES)[number];

export const CAUSES = [
	"exited",
	"signaled",
	"terminated",
	"timeout",
	"lifetime",
	"cpu_limit",
	"memory_limit",
	"cpu_time_limit",
	"process_limit",
	"out_of_memory",
	"shutdown",
] as const;
export type Cause = (typeof CAUSES)[number];

/** Why and how a process ended. */
export interface Termination {
	readonly cause: Cause;
	/** 128 + n for signal n, as a shell gives it. */
	readonly exitCode: number;
	readonly signal: string | null;
	readonly message: string;
	readonly endedAt: Date;
}

/** Why a process is being ended, or was: the first word counts. */
export interface Blame {
	readonly cause: Cause;
	readonly message: string;
}

/** What ended a process that nobody here ended: perhaps the kernel, for want of memory. */
export function causeOfDeath(
	{ signal }: Exit,
	tree: Pick<Tree, "wasOutOfMemory">,
	{ limits }: { readonly limits: Limits },
): Blame | undefined {
	if (signal !== "SIGKILL") return undefined;
	const want = tree.wasOutOfMemory();
	if (want === "limit") return memoryBackstop(limits);
	if (want === undefined) return undefined;
	return {
		cause: "out_of_memory",
		message: "ended by SIGKILL while the machine was out of memory",
	};
}

/** The breach of a tree that grew so fast between two looks that the kernel ended a member. */
export function memoryBackstop({ maxMemoryMB }: Limits): Blame | undefined {
	return maxMemoryMB === undefined
		? undefined
		: {
				cause: "memory_limit",
				message: `Memory limit exceeded: more than ${maxMemoryMB} MB > ${maxMemoryMB} MB, where the kernel ended a process of the tree`,
			};
}

/** What is told of an end that `blame` is to blame for, or nobody here. */
export function explain(
	exit: Exit,
	blame: Blame | undefined,
	endedAt: Date,
): Termination {
	const { exitCode, signal } = exit;
	if (blame) return { ...blame, exitCode, signal, endedAt };
	return {
		cause: signal === null ? "exited" : "signaled",
		exitCode,
		signal,
		message:
			signal === null
				? `exited with code ${exitCode}`
				: `ended by ${signal}, which did not come from this server`,
		endedAt,
	};
}

export function stateOf({
	cause,
	exitCode,
}: Termination): "stopped" | "crashed" {
	const asked = cause === "terminated" || cause === "shutdown";
	const succeeded = cause === "exited" && exitCode === 0;
	return asked || succeeded ? "stopped" : "crashed";
}

/** Whether it runs, and how it ended. */
export type Status =
	| { readonly state: "running" }
	| {
			readonly state: "stopped" | "crashed";
			readonly termination: Termination;
			readonly exit: Exit;
	  };
