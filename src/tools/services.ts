import { z } from "zod";
import { ProcessError } from "../errors.ts";
import { isOver } from "../supervision/restart.ts";
import type { Service } from "../supervision/service.ts";
import {
	allowedToEnd,
	endingFields,
	manner,
	survivors,
	terminationReason,
} from "./ending.ts";
import { exitCode, pid } from "./fields.ts";
import { launchFields } from "./launch.ts";
import { latestLine, whileTelling } from "./progress.ts";
import { serviceId } from "./target.ts";
import { defineTool } from "./tool.ts";

const milliseconds = (fallback: number, least: number) =>
	z.number().min(least).max(86_400_000).default(fallback);

const restartPolicy = z
	.strictObject({
		enabled: z
			.boolean()
			.default(true)
			.describe("Start it again when it crashes or is unhealthy."),
		maxRetries: z
			.number()
			.int()
			.min(0)
			.max(1000)
			.default(3)
			.describe("Restarts in a row before it is given up (failed)."),
		// The rate limit doesn't hold for restarts; this does.
		backoffMs: milliseconds(1000, 100).describe(
			"Milliseconds before the first restart; doubled with each one in a row.",
		),
		maxBackoffMs: milliseconds(60_000, 100).describe(
			"The longest that this becomes, milliseconds.",
		),
		resetAfterMs: milliseconds(60_000, 1000).describe(
			"Milliseconds of health after which the row counts anew.",
		),
	})
	.prefault({})
	.describe("When and how often it is started again.");

const healthCheck = z
	.strictObject({
		command: z
			.string()
			.min(1)
			.max(8192)
			.optional()
			.describe(
				"A program and its arguments, healthy if it exits with 0. Split into words, quotes understood; no shell.",
			),
		http: z
			.string()
			.max(2048)
			.optional()
			.describe(
				"A URL on this machine (http://localhost:8000/health), healthy if it answers 2xx or 3xx.",
			),
		tcp: z
			.union([z.string().max(100), z.number().int()])
			.optional()
			.describe(
				"A port, or localhost:port, healthy if it accepts connections.",
			),
		interval: milliseconds(10_000, 100).describe(
			"Milliseconds between checks.",
		),
		timeout: milliseconds(5000, 10).describe(
			"Milliseconds after which a check has failed.",
		),
		retries: z
			.number()
			.int()
			.min(1)
			.max(1000)
			.default(1)
			.describe("Failed checks in a row that make it unhealthy."),
		startPeriod: milliseconds(0, 0).describe(
			"Milliseconds after each start in which failed checks don't count; at least interval.",
		),
	})
	.describe(
		"How to see that it works: exactly one of command, http and tcp. What is unhealthy is restarted.",
	);

export const processStartService = defineTool({
	name: "process_start_service",
	title: "Start a service",
	description:
		"Starts a program that is to stay up (a dev server, a database, a worker) and keeps it up: when it crashes or its healthCheck fails it is started again, after a growing pause, until restartPolicy gives up. Ending with exit code 0 is no crash. Returns at once; process_list shows its state and health. Its name stands in place of pid in the other tools and always means its current process. End it with process_stop_service.",
	kind: "starts",
	input: z.strictObject({
		name: z
			.string()
			.regex(
				/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/,
				"must be 1 to 100 letters, digits, dots, dashes and underscores, and begin with a letter or digit",
			)
			.describe("Its name, by which the other tools know it: web, db.test."),
		executable: launchFields.executable,
		args: launchFields.args,
		cwd: launchFields.cwd,
		env: launchFields.env,
		resourceLimits: launchFields.resourceLimits,
		restartPolicy,
		healthCheck: healthCheck.optional(),
	}),
	output: z.object({
		serviceId,
		pid,
		warnings: z
			.array(z.string())
			.optional()
			.describe("What was changed in the request, if anything."),
	}),
	async run(input, { services, agent, ask }) {
		const request = { ...input, agent };
		const { process, admitted } = await services.start(request, ask);
		const { warnings } = admitted;
		return {
			serviceId: input.name,
			pid: process.pid,
			...(warnings.length > 0 && { warnings: [...warnings] }),
		};
	},
});

export const processStopService = defineTool({
	name: "process_stop_service",
	title: "Stop a service",
	description:
		"Ends a service for good, with everything that it started: SIGTERM first, SIGKILL for what is left after timeout; with force, SIGKILL at once. It is not started again, also when it was waiting for a restart. Returns when all of it is gone. Stopping one that is stopped does nothing.",
	kind: "ends",
	input: z.strictObject({ serviceId, ...endingFields }),
	output: z.object({
		serviceId,
		exitCode: exitCode
			.optional()
			.describe("Exit code of its latest process; absent if it never had one."),
		terminationReason: terminationReason.optional(),
		survivors,
	}),
	async run({ serviceId, force, timeout }, context) {
		const service = context.services.get(serviceId);
		await allowedToEnd(service.process, force, context);
		const outcome = await whileTelling(
			timeout,
			context,
			() => newsOf(service),
			() =>
				service.stop(manner(context, "process_stop_service", force, timeout)),
		);
		const ended = service.process?.termination;
		if (!ended && outcome) throw stillAlive(service, outcome.survivors);
		return {
			serviceId,
			...(ended && { exitCode: ended.exitCode }),
			...(outcome && { terminationReason: outcome.reason }),
			survivors: [...(outcome?.survivors ?? [])],
		};
	},
});

export const processRestartService = defineTool({
	name: "process_restart_service",
	title: "Restart a service",
	description:
		"Ends a service's process with everything that it started, if it runs, and starts it anew with the same settings; also a service that waits for a restart, was stopped or has failed. The count of restarts in a row begins anew; it counts as a launch for the rate limit. Returns when the new process is started.",
	kind: "starts",
	input: z.strictObject({ serviceId }),
	output: z.object({
		serviceId,
		pid,
		restarts: z.number().int().describe("How often it was started again."),
	}),
	async run({ serviceId }, context) {
		const service = context.services.get(serviceId);
		if (service.state === "running")
			await allowedToEnd(service.process, false, context);
		// What is over is admitted anew, and counted then.
		if (!isOver(service.state)) context.manager.gate.countRestart();
		const process = await whileTelling(
			RESTART_GRACE,
			context,
			() => newsOf(service),
			() =>
				service.restart(
					manner(context, "process_restart_service", false, RESTART_GRACE),
					context.ask,
				),
		);
		return { serviceId, pid: process.pid, restarts: service.run - 1 };
	},
});

/** Milliseconds that a service gets to end before it is killed to be restarted. */
const RESTART_GRACE = 5000;

function newsOf({ process }: Service): string {
	return process ? latestLine(process) : "";
}

function stillAlive({ name }: Service, survivors: readonly number[]) {
	return new ProcessError(
		"TERMINATION_FAILED",
		`Service ${name} is still alive after SIGKILL`,
		"It hangs in the system (a dead disk or network mount, for example); it ends when that is resolved, and is not started again.",
		{ serviceId: name, survivors },
	);
}
