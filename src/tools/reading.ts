import { ProcessError } from "../errors.ts";
import type { ManagedProcess } from "../process/process.ts";
import {
	type Cursor,
	checkCursor,
	formatCursor,
	parseCursor,
} from "../process/reader.ts";
import { isToReturn } from "../supervision/restart.ts";
import type { Service } from "../supervision/service.ts";
import type { PastRun } from "../supervision/surroundings.ts";
import { processOf, type Target } from "./target.ts";
import type { ToolContext } from "./tool.ts";

/** Where a reply about output begins. */
export interface Reading {
	readonly process: ManagedProcess;
	readonly cursor: Cursor | undefined;
	/** The service, where one was asked for. */
	readonly service: Service | undefined;
	/** Which of its processes it is. */
	readonly run: number | undefined;
	/** The service has a later process, with output of its own. */
	readonly hasMore: boolean;
}

interface Request extends Target {
	readonly cursor?: string | undefined;
	readonly stream: "stdout" | "stderr" | "both";
}

/**
 * Finds what a cursor goes on from. A service's names the run as well: output is
 * read to the end of one process before that of the next one, so that nothing is
 * lost over a restart.
 *
 * @throws ProcessError INVALID_ARGUMENT on a cursor of something else
 */
export function readingOf(request: Request, context: ToolContext): Reading {
	const current = processOf(request, context);
	if (request.serviceId === undefined)
		return {
			...checked(current, cursorOf(current, request.cursor, context)),
			service: undefined,
			run: undefined,
			hasMore: false,
		};
	const service = context.services.get(request.serviceId);
	if (request.cursor === undefined)
		return {
			process: current,
			cursor: undefined,
			service,
			run: service.run,
			hasMore: false,
		};
	const { run, text } = partsOf(request.cursor);
	if (run === undefined || run < 1 || run > service.run)
		throw notOfService(request.cursor);
	return followRuns(service, run, text, request.stream, context);
}

/** The run that a cursor of a service names, and the place in its output. */
function partsOf(cursor: string) {
	const [, run, text] = /^(\d{1,9}):(.*)$/s.exec(cursor) ?? [];
	return run === undefined || text === undefined
		? { run: undefined, text: cursor }
		: { run: Number(run), text };
}

/**
 * The place that a cursor names in the output of one process; of a service's, only
 * where it is of that process's run.
 */
function cursorOf(
	process: ManagedProcess,
	cursor: string | undefined,
	{ services }: ToolContext,
): string | undefined {
	if (cursor === undefined) return undefined;
	const { run, text } = partsOf(cursor);
	const service = services.of(process);
	if (run === undefined || (service && runOf(service, process) === run))
		return text;
	throw new ProcessError(
		"INVALID_ARGUMENT",
		`cursor: ${JSON.stringify(cursor.slice(0, 40))} is a service's, and not of the run that process ${process.pid} is`,
		`Pass it with ${service ? `serviceId ${JSON.stringify(service.name)}` : "the serviceId that it was given for"} in place of pid, or leave it out to read from the start.`,
		{ field: "cursor" },
	);
}

/** Which of a service's processes one is; undefined where that is long ago. */
function runOf(service: Service, process: ManagedProcess): number | undefined {
	if (service.process === process) return service.run;
	return service.past.find((each) => isOf(each, process))?.run;
}

function isOf(past: PastRun | undefined, process: ManagedProcess): boolean {
	return past?.pid === process.pid && past.startedAt === process.startedAt;
}

/** Whether a service's latest process was read that has ended, and is to be followed by another one. */
export function awaitsRun({ process, service, run }: Reading): boolean {
	return (
		process.state !== "running" &&
		service?.run === run &&
		service !== undefined &&
		isToReturn(service.state)
	);
}

/** Where a service's output goes on after a reading; the reading where there is nothing else. */
export function following(
	reading: Reading,
	stream: Request["stream"],
	context: ToolContext,
): Reading {
	const { service, run, cursor } = reading;
	if (!service || run === undefined || !cursor || service.run === run)
		return reading;
	return followRuns(service, run, formatCursor(cursor), stream, context);
}

/** The cursor of a reply, which `readingOf` takes. */
export function cursorText(cursor: Cursor, run: number | undefined): string {
	const text = formatCursor(cursor);
	return run === undefined ? text : `${run}:${text}`;
}

function followRuns(
	service: Service,
	first: number,
	text: string,
	stream: Request["stream"],
	{ manager }: ToolContext,
): Reading {
	for (let run = first; run < service.run; run++) {
		const past = service.past.find((each) => each.run === run);
		const process = manager.list().find((each) => isOf(past, each));
		// What was forgotten can't be read on.
		if (!process) continue;
		const reading = checked(process, run === first ? text : undefined);
		if (hasUnread(reading, stream))
			return { ...reading, service, run, hasMore: true };
	}
	const { run, process } = service;
	if (!process) throw notOfService(text);
	const start = run === first ? text : undefined;
	return { ...checked(process, start), service, run, hasMore: false };
}

function checked(process: ManagedProcess, text: string | undefined) {
	const cursor = text === undefined ? undefined : parseCursor(text);
	if (cursor) checkCursor(cursor, process);
	return { process, cursor };
}

/** Whether something was written after a reading's cursor. */
export function hasUnread(
	{ process, cursor }: Pick<Reading, "process" | "cursor">,
	stream: Request["stream"],
): boolean {
	return (["stdout", "stderr"] as const).some(
		(name) =>
			(stream === name || stream === "both") &&
			(cursor?.[name] ?? 0) < process[name].end,
	);
}

function notOfService(cursor: string): ProcessError {
	return new ProcessError(
		"INVALID_ARGUMENT",
		`cursor: ${JSON.stringify(cursor.slice(0, 40))} is not a cursor of this service`,
		"Pass the cursor of an earlier reply with the same serviceId, or leave it out to read its current process from the start.",
		{ field: "cursor" },
	);
}
