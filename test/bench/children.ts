/** What was started and has not ended; a benchmark that is broken off ends all of it. */
const open = new Set<AsyncDisposable>();
let closing = false;

/** Whether the benchmark was broken off: nothing more is to be started. */
export function isClosing(): boolean {
	return closing;
}

export function opened(child: AsyncDisposable): void {
	open.add(child);
}

export function closed(child: AsyncDisposable): void {
	open.delete(child);
}

/** Ends everything that is still there. */
export async function closeAll(): Promise<void> {
	closing = true;
	await Promise.allSettled(
		[...open].map((child) => child[Symbol.asyncDispose]()),
	);
}

/** Milliseconds that a child has to end once its input has, and again after SIGTERM. */
const GRACE = 6000;

/** Ends a child by the end of its input, so that it can end its own, and by force where that doesn't do. */
export async function endGently(
	child: Bun.Subprocess<"pipe", "pipe", "pipe" | "inherit">,
): Promise<void> {
	try {
		await child.stdin.end();
	} catch {
		// It has closed its side already.
	}
	for (const signal of ["SIGTERM", "SIGKILL"] as const) {
		const late = Bun.sleep(GRACE).then(() => "late" as const);
		if ((await Promise.race([child.exited, late])) !== "late") return;
		child.kill(signal);
	}
	await child.exited;
}
