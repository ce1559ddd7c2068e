import { z } from "zod";
import { parseCursor } from "../process/reader.ts";
import type { WaitConditions } from "../process/wait.ts";
import { Watch } from "../process/watch.ts";
import { pipedAway } from "../supervision/pipeline.ts";
import {
	type Conditions,
	conditions,
	needsOutput,
	outcome,
	prepare,
	resultOf,
} from "./conditions.ts";
import { pid, requireCaptured } from "./fields.ts";
import { latestLine, whileTelling } from "./progress.ts";
import {
	awaitsRun,
	following,
	hasUnread,
	type Reading,
	readingOf,
} from "./reading.ts";
import { serviceFields, serviceFieldsOf } from "./service-view.ts";
import { target } from "./target.ts";
import { defineTool, type ToolContext } from "./tool.ts";

/** Whether the end is what is waited for, also one of long ago. */
function isForEnd({ exit, ...given }: Conditions): boolean {
	return exit === true || (!needsOutput(given) && given.port === undefined);
}

/**
 * Waits for something of a process. Where it had ended before, that is no news of
 * a service that is started again: the next process is waited for, too.
 */
async function waitOverRuns(
	reading: Reading,
	wanted: Omit<WaitConditions, "from">,
	isEndWanted: boolean,
	context: ToolContext,
): Promise<{
	readonly reading: Reading;
	readonly result: Awaited<ReturnType<typeof resultOf>>;
}> {
	const { process, cursor } = reading;
	const deadline = performance.now() + wanted.timeout;
	// What wasn't read of it yet is news, and its end is told with it.
	const isNews =
		process.state === "running" ||
		(cursor !== undefined && hasUnread(reading, "both"));
	const from = cursor ?? { stdout: 0, stderr: 0 };
	const result = await resultOf(process, { ...wanted, from }, context);
	if (isNews || isEndWanted || result.event !== "exit")
		return { reading, result };
	const end = { ...reading, cursor: parseCursor(result.cursor) };
	const next = await nextRun(end, deadline, context);
	const timeout = Math.max(0, deadline - performance.now());
	if (next.process !== process)
		return waitOverRuns(next, { ...wanted, timeout }, false, context);
	const isOver = !context.signal.aborted && !awaitsRun(reading);
	const event = isOver ? "exit" : "timeout";
	return { reading, result: { ...result, event } };
}

/** Waits for a service's next process; gives the reading as it was where none comes, or not in time. */
async function nextRun(
	reading: Reading,
	deadline: number,
	context: ToolContext,
): Promise<Reading> {
	const { process, service } = reading;
	using watch = new Watch(process, context.signal, service?.changed);
	for (;;) {
		const left = deadline - performance.now();
		const isOver = context.signal.aborted || left <= 0;
		if (isOver || !awaitsRun(reading))
			return following(reading, "both", context);
		await watch.next(left);
	}
}

export const processWait = defineTool({
	name: "process_wait",
	title: "Wait for a process",
	description:
		"Waits until something happens to a process, and returns what it was with the output that led there: its exit, a pattern in its output, a failPattern, a listening port, silence (idleMs), or the timeout, whichever is first. Use it instead of sleeping or polling. Patterns are looked for from cursor on, or from the beginning without one, so what was printed before the call is found. With serviceId, a process that had ended before the call is no event where the service is started again: the wait goes on with the next one. Pass on the cursor of each reply: the next wait then sees only what comes after. The process is not touched; after event timeout wait again, or process_terminate it.",
	kind: "reads",
	input: z.strictObject({
		...target,
		...conditions,
		cursor: z
			.string()
			.optional()
			.describe(
				"The cursor of an earlier reply: patterns, and the output in the reply, from there on.",
			),
	}),
	output: z.object({ pid, ...outcome, ...serviceFields }),
	async run(input, context) {
		const first = readingOf({ ...input, stream: "both" }, context);
		const { process, service } = first;
		if (needsOutput(input)) requireCaptured(process, context.manager.config);
		if (needsOutput(input) && process.pipedTo !== undefined)
			throw pipedAway(process);
		const wanted = prepare(input);
		const start = performance.now();
		const { reading, result } = await whileTelling(
			input.timeout,
			context,
			() => latestLine(service?.process ?? process),
			() => waitOverRuns(first, wanted, isForEnd(input), context),
		);
		return {
			pid: reading.process.pid,
			...result,
			elapsedMs: Math.round(performance.now() - start),
			...(reading.run !== undefined && {
				cursor: `${reading.run}:${result.cursor}`,
			}),
			...(await serviceFieldsOf(reading)),
		};
	},
});
