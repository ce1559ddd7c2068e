import { z } from "zod";
import { shorten } from "../errors.ts";
import type { ManagedProcess } from "../process/process.ts";
import { HEALTH_STATES } from "../supervision/health.ts";
import { SERVICE_STATES } from "../supervision/restart.ts";
import type { Service } from "../supervision/service.ts";
import { exitCode, pid, startTime, uptime } from "./fields.ts";
import { serviceId } from "./target.ts";

const reason = z.string().describe("Why, in words.");
const endedAt = z.string().describe("When it ended, ISO 8601, UTC.");
const signal = z.string().optional().describe("The signal that ended it.");
const run = z
	.number()
	.int()
	.describe(
		"Which of its processes, counted from 1; each restart is one more.",
	);

const lastCheck = z.object({
	at: z.string().describe("When it was done, ISO 8601, UTC."),
	healthy: z
		.boolean()
		.optional()
		.describe("Whether it passed; absent where it could not be asked."),
	detail: z
		.string()
		.describe("What was found: status 503, exited with code 1."),
	output: z.string().optional().describe("The last that a command wrote."),
});

const serviceState = z
	.enum(SERVICE_STATES)
	.describe(
		"starting, running; restarting, recovering, stopping: what runs is being ended, to start it anew, after a failure, or for good; backoff: waits to be started again; stopped; failed: given up.",
	);

const nextStartInMs = z
	.number()
	.int()
	.optional()
	.describe("Milliseconds until it is started again, in backoff.");

export const serviceView = z.object({
	serviceId,
	state: serviceState,
	pid: pid.optional().describe("Its current, or latest, process."),
	run: run.optional(),
	restarts: z.number().int().describe("How often it was started again."),
	uptime: uptime.optional(),
	nextStartInMs,
	health: z
		.object({
			state: z.enum(HEALTH_STATES).describe("starting: not yet found healthy."),
			consecutiveFailures: z
				.number()
				.int()
				.describe("Failed checks in a row, those of the start period apart."),
			last: lastCheck.optional().describe("The latest check."),
		})
		.optional()
		.describe("What its health check found; absent without one."),
	lastExit: z
		.object({ pid, exitCode, signal, reason, endedAt })
		.optional()
		.describe("How its latest ended process ended."),
	failure: z
		.object({
			reason,
			output: z.string().describe("The last that its process wrote."),
		})
		.optional()
		.describe("Why it does not run: in backoff and when it has failed."),
	history: z
		.array(z.object({ run, pid, startTime, endedAt, exitCode, reason }))
		.describe(
			"Its ended processes, oldest first, the latest only; process_get_output still gives their output by pid while they are remembered.",
		),
});

/** What a result about a service's output says of the service. */
export const serviceFields = {
	serviceState: serviceState
		.optional()
		.describe(
			"With serviceId: the service's state. running, starting, restarting, recovering, backoff: a process that has ended is followed by another one, which the next call with this cursor waits for.",
		),
	nextStartInMs,
};

/** These fields; none where no service was asked for. */
export async function serviceFieldsOf({
	process,
	service,
}: {
	readonly process: ManagedProcess;
	readonly service: Service | undefined;
}): Promise<z.input<z.ZodObject<typeof serviceFields>>> {
	if (!service) return {};
	// The service is told of an end after those who wait for it.
	if (process.termination) await process.ended;
	return { serviceState: service.state, ...nextStartOf(service) };
}

function nextStartOf({ nextStartIn }: Service) {
	return nextStartIn === undefined
		? {}
		: { nextStartInMs: Math.round(nextStartIn) };
}

/** How much of a service is shown: characters of one text, and ended processes. */
interface Extent {
	readonly text: number;
	readonly runs: number;
}
const BRIEF: Extent = { text: 200, runs: 3 };
const FULL: Extent = { text: 2000, runs: 10 };

/** A service as process_list shows it. */
export function briefView(service: Service) {
	return view(service, BRIEF);
}

/** The same with all that is known. */
export function fullView(service: Service) {
	return view(service, FULL);
}

function view(service: Service, extent: Extent): z.input<typeof serviceView> {
	const { name, state, process, run, past, failure } = service;
	const text = (value: string) => shorten(value, extent.text);
	const last = past.at(-1);
	return {
		serviceId: name,
		state,
		...(process && { pid: process.pid, run }),
		restarts: Math.max(0, run - 1),
		...(process && !process.termination && { uptime: process.uptime }),
		...nextStartOf(service),
		...healthOf(service, text),
		...(last && {
			lastExit: {
				pid: last.pid,
				exitCode: last.termination.exitCode,
				...(last.termination.signal !== null && {
					signal: last.termination.signal,
				}),
				reason: text(last.reason),
				endedAt: last.termination.endedAt.toISOString(),
			},
		}),
		...(failure && {
			failure: {
				reason: text(failure.reason),
				output: tail(failure.output, extent),
			},
		}),
		history: past.slice(-extent.runs).map((each) => ({
			run: each.run,
			pid: each.pid,
			startTime: each.startedAt.toISOString(),
			endedAt: each.termination.endedAt.toISOString(),
			exitCode: each.termination.exitCode,
			reason: text(each.reason),
		})),
	};
}

function healthOf({ health }: Service, text: (value: string) => string) {
	if (!health) return {};
	const { state, consecutiveFailures, last } = health;
	return {
		health: {
			state,
			consecutiveFailures,
			...(last && {
				last: {
					at: last.at.toISOString(),
					...(last.healthy !== undefined && { healthy: last.healthy }),
					detail: text(last.detail),
					...(last.output !== undefined && { output: text(last.output) }),
				},
			}),
		},
	};
}

/** The end of an output says more than its beginning. */
function tail(output: string, { text }: Extent): string {
	return output.length > text ? `...${output.slice(-text)}` : output;
}
