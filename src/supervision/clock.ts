import { after, type Cancel } from "../process/timer.ts";

/** Time as supervision sees it; tests turn it by hand. */
export interface Clock {
	/** Milliseconds; never goes back. */
	now(): number;
	/** Calls `action` once after `delay` milliseconds, unless cancelled. */
	after(delay: number, action: () => void): Cancel;
}

export const monotonicClock: Clock = {
	now: () => performance.now(),
	after: (delay, action) => after(delay, action),
};
