import { z } from "zod";
import type { ProcessManager } from "../process/manager.ts";
import type { ManagedProcess } from "../process/process.ts";
import { STATES } from "../process/termination.ts";
import type { Service } from "../supervision/service.ts";
import {
	exitCode,
	exitCodeOf,
	groupId,
	leftBehind,
	leftBehindOf,
	pid,
	shownArgs,
	startTime,
	state,
	termination,
	terminationOf,
	uptime,
} from "./fields.ts";
import { group, groupIdOf, groupsOf } from "./group-fields.ts";
import { briefView, fullView, serviceView } from "./service-view.ts";
import { usage } from "./stats.ts";
import { processOf, serviceId, target } from "./target.ts";
import { waiting, waitingOf } from "./terminal.ts";
import { defineTool } from "./tool.ts";

export const processList = defineTool({
	name: "process_list",
	title: "List processes",
	description:
		"Lists the processes started here, running ones and the latest ended ones, oldest first, with pid, command, state and exit code; optionally only those in one state or of one name. Also all groups with their members, and services with their state and health.",
	kind: "reads",
	input: z.strictObject({
		state: z
			.enum(STATES)
			.optional()
			.describe(
				"Only those in this state; with running also those that have ended and of which processes are left (leftBehind).",
			),
		name: z.string().optional().describe("Only those of this name."),
	}),
	output: z.object({
		processes: z
			.array(
				z.object({
					pid,
					name: z.string().optional().describe("The name it was given."),
					command: z.string().describe("The executable as it was asked for."),
					args: z
						.array(z.string())
						.describe("Its arguments; long ones, and more than 50, are cut."),
					state,
					startTime,
					uptime,
					exitCode: exitCode.optional(),
					leftBehind: leftBehind.optional(),
					groupId: groupId.optional(),
					serviceId: serviceId
						.optional()
						.describe("The service that it is, or was, a process of."),
				}),
			)
			.describe("The processes, oldest first."),
		groups: z.array(group).describe("Groups of processes."),
		services: z
			.array(serviceView)
			.describe(
				"Services, oldest first; process_get_status with serviceId tells more.",
			),
	}),
	async run(filter, { manager, services, groups }) {
		const processes = manager
			.list()
			.filter(
				({ identity }) =>
					filter.name === undefined || identity.name === filter.name,
			)
			.map((process) => ({ process, left: leftBehindOf(process) }))
			.filter(
				({ process, left }) =>
					filter.state === undefined ||
					process.state === filter.state ||
					(filter.state === "running" && left.leftBehind !== undefined),
			)
			.map(({ process, left }) => ({
				...serviceIdOf(services.of(process)),
				pid: process.pid,
				...(process.identity.name !== undefined && {
					name: process.identity.name,
				}),
				command: process.identity.command,
				args: shownArgs(process.identity.args),
				state: process.state,
				startTime: process.startedAt.toISOString(),
				uptime: process.uptime,
				...exitCodeOf(process),
				...left,
				...groupIdOf(process, groups),
			}));
		return {
			processes,
			groups: await groupsOf(groups, manager),
			services: services.list().map(briefView),
		};
	},
});

function serviceIdOf(service: Service | undefined) {
	return service ? { serviceId: service.name } : {};
}

export const processGetStatus = defineTool({
	name: "process_get_status",
	title: "Look at a process",
	description:
		"Tells the state of one process, running or ended: command, arguments, directory, how long it ran, how it ended (exit code, signal, cause), what it uses, the TCP ports on which it or its children listen, and whether it waits for input, and of what kind (a line, a password, keys).",
	kind: "reads",
	input: z.strictObject(target),
	output: z.object({
		pid,
		command: z.string().describe("The executable as it was asked for."),
		args: z
			.array(z.string())
			.describe("Its arguments; long ones, and more than 50, are cut."),
		cwd: z.string().describe("Its working directory, links resolved."),
		state,
		startTime,
		uptime,
		exitCode: exitCode.optional(),
		termination: termination.optional(),
		leftBehind: leftBehind.optional(),
		stats: z
			.object(usage)
			.describe("What it uses, as process_get_stats tells it."),
		ports: z
			.array(z.number().int())
			.optional()
			.describe(
				"Listening TCP ports of the tree; absent where the system isn't asked.",
			),
		waitingForInput: waiting,
		service: serviceView
			.optional()
			.describe("The service that it is, or was, a process of."),
	}),
	async run(which, context) {
		const process = processOf(which, context);
		const service = context.services.of(process);
		return {
			...(await statusOf(context.manager, process)),
			...(service && { service: fullView(service) }),
		};
	},
});

/** What process_get_status gives of a process. */
export async function statusOf(
	manager: ProcessManager,
	process: ManagedProcess,
) {
	const { pid } = process;
	const { command, args, cwd } = process.identity;
	const figures = await manager.monitor.usage(process);
	const ports = process.tree.listeningPorts();
	return {
		pid,
		command,
		args: shownArgs(args),
		cwd,
		state: process.state,
		startTime: process.startedAt.toISOString(),
		uptime: process.uptime,
		...exitCodeOf(process),
		...terminationOf(process),
		...leftBehindOf(process),
		stats: { ...figures, uptime: process.uptime },
		...(ports && { ports: [...ports] }),
		...waitingOf(process),
	};
}
