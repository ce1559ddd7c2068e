import type { ManagedProcess } from "./process.ts";

export const WAITS = ["line", "password", "key", "data"] as const;
export type Wait = (typeof WAITS)[number];

/**
 * What kind of input somebody in a process's tree waits for; undefined where
 * nobody does, or where the system doesn't tell.
 */
export function waitingForInput(process: ManagedProcess): Wait | undefined {
	const { stdin, terminal, tree } = process;
	if (!stdin || stdin.closed) return undefined;
	if (tree.inputReader?.() === undefined) return undefined;
	return terminal ? terminal.mode : "data";
}
