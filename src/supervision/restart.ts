/** Where a service is in its life. */
export const SERVICE_STATES = [
	/** A launch is under way: the gate or the user is asked, or the system starts it. */
	"starting",
	"running",
	/** Somebody wants it anew: its tree is being ended. */
	"restarting",
	/** It crashed or was found ill: what is left of its tree is being ended. */
	"recovering",
	/** It waits to be started again. */
	"backoff",
	/** Somebody wants it ended, or it ended well: what is left is being ended, or was asked to. */
	"stopping",
	"stopped",
	/** Given up. */
	"failed",
] as const;
export type ServiceState = (typeof SERVICE_STATES)[number];

/** What can happen to a service. */
export const SERVICE_EVENTS = [
	/** The launch gave a process. */
	"started",
	/** A launch that somebody waits for and that nothing was admitted for yet gave none. */
	"rejected",
	/** A launch of what was admitted before gave none. */
	"refused",
	/** Its process ended by itself with exit code 0. */
	"finished",
	/** Its process was ended because somebody asked for that, past the service. */
	"terminated",
	/** Its process ended in any other way. */
	"crashed",
	/** Its health checks failed as often as they may. */
	"unhealthy",
	/** Nothing of its tree lives any more. */
	"gone",
	/** The time between two starts is over. */
	"due",
	/** It may not be started again by itself. */
	"exhausted",
	/** Somebody wants it ended. */
	"stop",
	/** Somebody wants it started anew. */
	"restart",
] as const;
export type ServiceEvent = (typeof SERVICE_EVENTS)[number];

/** What is done about it. */
export type Action =
	/** Start a process. */
	| "launch"
	/** End the tree. */
	| "end"
	/** Count a failure, and have `due` come after a while, or `exhausted` at once. */
	| "retry";

export interface Step {
	readonly next: ServiceState;
	readonly action?: Action;
}

const to = (next: ServiceState, action?: Action): Step =>
	action ? { next, action } : { next };

/**
 * The supervisor: state × event → next state and action. What isn't here changes
 * nothing. Launches leave from states in which nothing lives, and only from those:
 * there is never more than one instance.
 */
export const RESTART_TABLE: Readonly<
	Record<ServiceState, Readonly<Partial<Record<ServiceEvent, Step>>>>
> = {
	starting: {
		started: to("running"),
		rejected: to("failed"),
		refused: to("backoff", "retry"),
		stop: to("stopping"),
	},
	running: {
		finished: to("stopping", "end"),
		terminated: to("stopping"),
		crashed: to("recovering", "end"),
		unhealthy: to("recovering", "end"),
		stop: to("stopping", "end"),
		restart: to("restarting", "end"),
	},
	restarting: {
		gone: to("starting", "launch"),
		stop: to("stopping", "end"),
		restart: to("restarting", "end"),
	},
	recovering: {
		gone: to("backoff", "retry"),
		stop: to("stopping", "end"),
		restart: to("restarting", "end"),
	},
	backoff: {
		due: to("starting", "launch"),
		exhausted: to("failed"),
		stop: to("stopped"),
		restart: to("starting", "launch"),
	},
	stopping: {
		started: to("stopping", "end"),
		rejected: to("stopped"),
		refused: to("stopped"),
		gone: to("stopped"),
		stop: to("stopping", "end"),
	},
	stopped: {
		restart: to("starting", "launch"),
	},
	failed: {
		stop: to("stopped"),
		restart: to("starting", "launch"),
	},
};

/** Whether a service is over: nothing of it lives, and nothing of it will by itself. */
export function isOver(state: ServiceState): state is "stopped" | "failed" {
	return state === "stopped" || state === "failed";
}

/** Whether what has ended of a service in that state is to be followed by a new process. */
export function isToReturn(state: ServiceState): boolean {
	return state !== "stopping" && !isOver(state);
}

/** How often and when a service is started again. Times in milliseconds. */
export interface RestartPolicy {
	readonly enabled: boolean;
	/** Restarts in a row. */
	readonly maxRetries: number;
	/** Before the first restart in a row; it doubles with each. */
	readonly backoffMs: number;
	readonly maxBackoffMs: number;
	/** Of health, after which the row ends. */
	readonly resetAfterMs: number;
}

/** What becomes of a service that failed. */
export type Retry =
	| { readonly kind: "wait"; readonly delay: number; readonly retries: number }
	| { readonly kind: "give up"; readonly why: string };

/**
 * Judges a failure.
 *
 * @param retries restarts in a row so far
 * @param health milliseconds for which it was healthy before it failed
 */
export function retryAfter(
	policy: RestartPolicy,
	retries: number,
	health: number,
): Retry {
	const { enabled, maxRetries, backoffMs, maxBackoffMs, resetAfterMs } = policy;
	if (!enabled)
		return {
			kind: "give up",
			why: "it is not to be restarted (restartPolicy.enabled)",
		};
	const row = health >= resetAfterMs ? 0 : retries;
	if (row >= maxRetries) {
		const why =
			maxRetries === 0
				? "it is not to be restarted"
				: `${row} restart${row === 1 ? "" : "s"} in a row did not help`;
		return { kind: "give up", why: `${why} (restartPolicy.maxRetries)` };
	}
	const delay = Math.min(backoffMs * 2 ** row, maxBackoffMs);
	return { kind: "wait", delay, retries: row + 1 };
}
