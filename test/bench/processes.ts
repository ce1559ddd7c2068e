/** What the measures do with processes of the server's. */
import type { Reply, Session } from "./session.ts";

/** Milliseconds between two looks at a process that is waited for. */
const LOOK = 10;
const LONGEST_WAIT = 60_000;

export async function timed(work: () => Promise<unknown>): Promise<number> {
	const start = performance.now();
	await work();
	return performance.now() - start;
}

/** The arguments of process_start. */
export function launch([executable, ...args]: readonly string[]) {
	return { executable, args };
}

/** Starts a process; gives its pid. */
export async function start(
	session: Session,
	command: readonly string[],
	more: Reply = {},
): Promise<number> {
	const { pid } = await session.call("process_start", {
		...launch(command),
		...more,
	});
	if (typeof pid !== "number") throw new Error(`process_start: pid is ${pid}`);
	return pid;
}

/** Starts a command many times, all calls at once. */
export function startAll(
	session: Session,
	command: readonly string[],
	count: number,
	more: Reply = {},
): Promise<number[]> {
	return Promise.all(
		Array.from({ length: count }, () => start(session, command, more)),
	);
}

/** Waits for a process's end by asking for its status. */
export async function ended(session: Session, pid: number): Promise<void> {
	const deadline = performance.now() + LONGEST_WAIT;
	for (;;) {
		const { state } = await session.call("process_get_status", { pid });
		if (state !== "running") return;
		if (performance.now() > deadline)
			throw new Error(`process ${pid} does not end`);
		await Bun.sleep(LOOK);
	}
}

/** Runs a command to its end, as an agent does that wants its output. */
export async function run(
	session: Session,
	command: readonly string[],
): Promise<void> {
	if (session.offers("process_start", "waitFor")) {
		await start(session, command, { waitFor: { exit: true } });
		return;
	}
	const pid = await start(session, command);
	await ended(session, pid);
	await session.call("process_get_output", { pid });
}

/** Runs a command many times, `width` at a time. */
export async function runAll(
	session: Session,
	command: readonly string[],
	count: number,
	width: number,
): Promise<void> {
	let left = count;
	const worker = async () => {
		while (left-- > 0) await run(session, command);
	};
	await Promise.all(Array.from({ length: width }, worker));
}
