import { ProcessError } from "../errors.ts";
import type { ManagedProcess } from "./process.ts";
import type { Cause } from "./termination.ts";
import { settlesWithin, sleep } from "./timer.ts";
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
const FIRST_LOOK = 2;
const LONGEST_LOOK = 50;

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
	// The server's own terminations, and SIGKILL, wait for nobody.
	const mayWait = request.cause === "terminated" && !request.force;
	const release = mayWait ? await enter(process) : () => {};
	try {
		return await end(process, request);
	} finally {
		release();
	}
}

/** Terminations of one process that look after it at one time. */
const MOST_AT_ONCE = 4;

const queues = new WeakMap<
	ManagedProcess,
	{ running: number; next: (() => void)[] }
>();

/** Waits for its turn: each termination looks at the tree again and again, so there must not be many. */
async function enter(process: ManagedProcess): Promise<() => void> {
	const queue = queues.get(process) ?? { running: 0, next: [] };
	queues.set(process, queue);
	if (queue.running >= MOST_AT_ONCE)
		await new Promise<void>((resolve) => queue.next.push(resolve));
	else queue.running++;
	return () => {
		const next = queue.next.shift();
		if (next) next();
		else queue.running--;
	};
}

async function end(
	process: ManagedProcess,
	request: TerminationRequest,
): Promise<TerminationOutcome> {
	if (!request.force) {
		// A stopped process gets SIGTERM only when it goes on.
		await turns.run(() => process.tree.signal("SIGTERM", "SIGCONT"));
		const left = await waitUntilGone(process, request.grace);
		if (left.length === 0) return { reason: "graceful", survivors: [] };
		if (!request.mayKill) throw refusedToEnd(process.pid, left, request.grace);
	}
	if (!request.force)
		process.addToBlame("terminated", `with SIGKILL after ${request.grace} ms`);
	const survivors = await kill(process);
	return { reason: "forced", survivors };
}

/** Kills again at every look, as a tree may fork while it is being killed. */
async function kill(process: ManagedProcess): Promise<readonly number[]> {
	const insist = () => process.tree.signal("SIGKILL");
	await turns.run(insist);
	return waitUntilGone(process, KILL_PATIENCE, insist);
}

/**
 * Waits until nothing of a tree lives.
 *
 * @param patience milliseconds
 * @returns the pids that live after that
 */
async function waitUntilGone(
	process: ManagedProcess,
	patience: number,
	insist?: () => void,
): Promise<readonly number[]> {
	const deadline = performance.now() + patience;
	const left = () => deadline - performance.now();
	await settlesWithin(process.ended, patience);
	for (let pause = FIRST_LOOK; ; pause = Math.min(pause * 2, LONGEST_LOOK)) {
		const alive = await turns.run(() => process.tree.alive());
		if (alive.length === 0 && process.state !== "running") return [];
		if (left() <= 0) return alive.length > 0 ? alive : [process.pid];
		if (insist) await turns.run(insist);
		await sleep(Math.min(pause, left()));
	}
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
