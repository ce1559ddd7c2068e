import { describe, expect, it } from "bun:test";
import {
	RESTART_TABLE,
	retryAfter,
	SERVICE_EVENTS,
	SERVICE_STATES,
} from "../../src/supervision/restart.ts";

/** Each cell that changes something: state, event, next state, action. */
const CELLS = `
starting   started    running
starting   rejected   failed
starting   refused    backoff    retry
starting   stop       stopping
running    finished   stopping   end
running    terminated stopping
running    crashed    recovering end
running    unhealthy  recovering end
running    stop       stopping   end
running    restart    restarting end
restarting gone       starting   launch
restarting stop       stopping   end
restarting restart    restarting end
recovering gone       backoff    retry
recovering stop       stopping   end
recovering restart    restarting end
backoff    due        starting   launch
backoff    exhausted  failed
backoff    stop       stopped
backoff    restart    starting   launch
stopping   started    stopping   end
stopping   rejected   stopped
stopping   refused    stopped
stopping   gone       stopped
stopping   stop       stopping   end
stopped    restart    starting   launch
failed     stop       stopped
failed     restart    starting   launch
`
	.trim()
	.split("\n")
	.map((line) => line.split(/ +/));

describe("the restart table", () => {
	const pairs = SERVICE_STATES.flatMap((state) =>
		SERVICE_EVENTS.map((event) => [state, event] as const),
	);

	it.each(pairs)("%s, %s", (state, event) => {
		const cell = CELLS.find(([from, on]) => from === state && on === event);
		const step = RESTART_TABLE[state][event];
		const shown: (string | undefined)[] | undefined = step && [
			state,
			event,
			step.next,
			step.action,
		];
		expect(shown?.flatMap((part) => part ?? [])).toEqual(cell);
	});

	it("launches only where nothing lives, and leads nowhere from a stop but to the end", () => {
		for (const [state, event] of pairs) {
			const step = RESTART_TABLE[state][event];
			if (step?.action !== "launch") continue;
			expect(step.next).toBe("starting");
			const nothingLives =
				event === "gone" || ["backoff", "stopped", "failed"].includes(state);
			expect(nothingLives).toBe(true);
		}
		for (const step of Object.values(RESTART_TABLE.stopping))
			expect(["stopping", "stopped"]).toContain(step.next);
	});
});

describe("a failure", () => {
	const policy = {
		enabled: true,
		maxRetries: 5,
		backoffMs: 1000,
		maxBackoffMs: 6000,
		resetAfterMs: 60_000,
	};

	it("is answered by a pause that doubles up to its bound, then by giving up", () => {
		const delays: (number | string)[] = [];
		for (let retries = 0; ; retries++) {
			const verdict = retryAfter(policy, retries, 0);
			if (verdict.kind === "give up") {
				delays.push(verdict.why);
				break;
			}
			expect(verdict.retries).toBe(retries + 1);
			delays.push(verdict.delay);
		}
		expect(delays).toEqual([
			...[1000, 2000, 4000, 6000, 6000],
			"5 restarts in a row did not help (restartPolicy.maxRetries)",
		]);
	});

	it("begins a new row after enough health, and not a moment before", () => {
		expect(retryAfter(policy, 5, 59_999).kind).toBe("give up");
		expect(retryAfter(policy, 5, 60_000)).toEqual({
			kind: "wait",
			delay: 1000,
			retries: 1,
		});
	});

	it("is the end where restarts are off or none may be made", () => {
		const off = retryAfter({ ...policy, enabled: false }, 0, 1e9);
		expect(off).toMatchObject({ kind: "give up" });
		expect(retryAfter({ ...policy, maxRetries: 0 }, 0, 1e9)).toEqual({
			kind: "give up",
			why: "it is not to be restarted (restartPolicy.maxRetries)",
		});
		expect(retryAfter({ ...policy, maxRetries: 1 }, 1, 0)).toEqual({
			kind: "give up",
			why: "1 restart in a row did not help (restartPolicy.maxRetries)",
		});
	});
});
