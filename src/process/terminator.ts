import { ProcessError } from "../errors.ts";
import type { ManagedProcess } from "./process.ts";
import type { Cause } from "./termination.ts";
import { settlesWithin } from "./timer.ts";
import { turns } from "./turns.ts";

export interface TerminationRequest {
	readonly cause: Cause;
	readonly message: string;
	/** SIGKILL at once, without asking first. */
	readonly force: boolean;
	/** Milliseconds between SIGTERM and SIGKILL. */
	readonly grace: number;
	/** Whether SIGKILL may be used at all. */
	readonly mayKill: boolean;
}

export interface TerminationOutcome {
	readonly reason: "graceful" | "forced";
	/** Pids of what could not be ended. */
	readonly survivors: readonly number[];
}

/** How long SIGKILL is given, in milliseconds: only a process in the kernel's hands needs any. */
const KILL_PATIENCE = 2000;
const FIRST_KILL = 10;
const LONGEST_KILL = 50;

/**
 * Ends a process and its tree: SIGTERM, and SIGKILL for what is left after the
 * grace period. Returns when nothing of the tree lives, or with what survives.
 *
 * @throws ProcessError TERMINATION_FAILED where SIGKILL would be needed but may not be used
 */
export async function terminate(
	process: ManagedProcess,
	request: TerminationRequest,
): Promise<TerminationOutcome> {
	process.blame(request.cause, request.message);
	process.hurry();
	if (!request.force) {
		// A stopped process gets SIGTERM only when it goes on.
		await turns.run(() => process.tree.signal("SIGTERM", "SIGCONT"));
		if (await endsWithin(process, request.grace))
			return { reason: wayOf(process), survivors: [] };
		const left = await turns.run(() => survivorsOf(process));
		if (left.length === 0) return { reason: wayOf(process), survivors: [] };
		if (!request.mayKill) throw refusedToEnd(process.pid, left, request.grace);
		process.addToBlame("terminated", `with SIGKILL after ${request.grace} ms`);
	}
	return { reason: "forced", survivors: await kill(process) };
}

/** Interactive shells ignore SIGTERM, and end when their terminal goes: they are told that it does. */
async function endsWithin(
	process: ManagedProcess,
	grace: number,
): Promise<boolean> {
	if (!process.terminal) return settlesWithin(process.gone, grace);
	if (await settlesWithin(process.gone, grace / 2)) return true;
	await turns.run(() => process.tree.signal("SIGHUP", "SIGCONT"));
	return settlesWithin(process.gone, grace / 2);
}

/** Those that were killed here; that somebody else did so is no news of how they were ended. */
const killed = new WeakSet<ManagedProcess>();

/** Where several terminations wait for one tree, another one may have killed it. */
function wayOf(process: ManagedProcess): TerminationOutcome["reason"] {
	return killed.has(process) ? "forced" : "graceful";
}

/** Kills under way, so that a tree that many want ended is killed by one. */
const kills = new WeakMap<ManagedProcess, Promise<readonly number[]>>();

function kill(process: ManagedProcess): Promise<readonly number[]> {
	const underWay = kills.get(process);
	if (underWay) return underWay;
	killed.add(process);
	const killing = killUntilGone(process).finally(() => kills.delete(process));
	kills.set(process, killing);
	return killing;
}

/** Kills again and again, as a tree may fork while it is being killed. */
async function killUntilGone(
	process: ManagedProcess,
): Promise<readonly number[]> {
	const deadline = performance.now() + KILL_PATIENCE;
	const left = () => deadline - performance.now();
	for (let pause = FIRST_KILL; ; pause = Math.min(pause * 2, LONGEST_KILL)) {
		await turns.run(() => process.tree.signal("SIGKILL"));
		if (await settlesWithin(process.gone, Math.max(1, Math.min(pause, left()))))
			return [];
		if (left() <= 0) return turns.run(() => survivorsOf(process));
	}
}

/** Pids of what lives; a process whose end was not heard of yet counts. */
function survivorsOf(process: ManagedProcess): readonly number[] {
	const alive = process.tree.alive();
	if (alive.length > 0 || process.state !== "running") return alive;
	return [process.pid];
}

function refusedToEnd(
	pid: number,
	survivors: readonly number[],
	grace: number,
): ProcessError {
	return new ProcessError(
		"TERMINATION_FAILED",
		`Process ${pid} did not end within ${grace} ms of SIGTERM, and SIGKILL is not allowed (allowForcedTermination)`,
		"Wait longer (timeout), make the process end by itself, or ask the user to end it.",
		{ pid, survivors, key: "allowForcedTermination" },
	);
}
