/** The longest time that setTimeout takes; a longer one fires at once. */
const MAX_DELAY = 2 ** 31 - 1;

/** Stops a timer; calling it again does nothing. */
export type Cancel = () => void;

/**
 * Calls `action` after `delay` milliseconds, of any length, unless cancelled.
 *
 * @param step the longest single delay, in milliseconds; smaller in tests
 */
export function after(
	delay: number,
	action: () => void,
	step = MAX_DELAY,
): Cancel {
	let timer: ReturnType<typeof setTimeout>;
	const wait = (left: number) => {
		const next = Math.min(left, step);
		timer = setTimeout(
			() => (left > next ? wait(left - next) : action()),
			Math.max(0, next),
		);
	};
	wait(delay);
	return () => clearTimeout(timer);
}

/** Resolves after `delay` milliseconds. */
export function sleep(delay: number): Promise<void> {
	return new Promise((resolve) => {
		after(delay, resolve);
	});
}

/** Whether `promise` settles within `delay` milliseconds, and before `signal` is aborted. */
export function settlesWithin(
	promise: Promise<unknown>,
	delay: number,
	signal?: AbortSignal,
): Promise<boolean> {
	return new Promise((resolve) => {
		const settle = (isSettled: boolean) => {
			cancel();
			signal?.removeEventListener("abort", giveUp);
			resolve(isSettled);
		};
		const giveUp = () => settle(false);
		const settled = () => settle(true);
		const cancel = after(delay, giveUp);
		signal?.addEventListener("abort", giveUp);
		promise.then(settled, settled);
		if (signal?.aborted) giveUp();
	});
}
