import { z } from "zod";
import type { Usage } from "../process/figures.ts";
import type { ProcessManager } from "../process/manager.ts";
import type { ManagedProcess } from "../process/process.ts";
import { STATES } from "../process/termination.ts";
import { LIMIT_NAMES, type LimitName } from "../security/resources.ts";
import {
	exitCode,
	exitCodeOf,
	pid,
	shownArgs,
	startTime,
	state,
	termination,
	terminationOf,
	uptime,
} from "./fields.ts";
import { defineTool } from "./tool.ts";

const usage = {
	cpuPercent: z
		.number()
		.describe(
			"CPU of the whole tree, 100 = one core: over about the last second, at first since the start.",
		),
	memoryMB: z.number().describe("Resident memory of the tree, MB (2^20)."),
	threadCount: z
		.number()
		.int()
		.optional()
		.describe("Threads of the tree; absent where the system isn't asked."),
	ioRead: z
		.number()
		.optional()
		.describe("Bytes read by system calls; absent where unknown."),
	ioWrite: z
		.number()
		.optional()
		.describe("Bytes written by system calls; absent where unknown."),
	uptime,
	processCount: z.number().int().describe("Processes of the tree."),
	cpuSeconds: z.number().describe("CPU seconds that the tree used so far."),
	peakMemoryMB: z
		.number()
		.optional()
		.describe("The highest memoryMB seen, MB; absent where it never was."),
};

const point = z.object({
	at: z.number().int().describe("Milliseconds after the start."),
	cpuPercent: z.number().describe("100 = one core."),
	memoryMB: z.number().describe("MB (2^20)."),
	processCount: z.number().int().describe("Processes of the tree."),
});

const limit = z.object({
	name: z.string().describe("The limit's name."),
	limit: z.number().describe("Its value."),
	used: z.number().describe("How much of it is used."),
	unit: z.string().describe("The unit of both."),
	enforcedBy: z.string().describe("What holds the process to it."),
});

export const processGetStats = defineTool({
	name: "process_get_stats",
	title: "Measure a process",
	description:
		"Measures what a process and everything that it started use: CPU percent (100 = one core), memory, threads, bytes read and written, number of processes, CPU seconds, peak memory, and the limits that hold for it; with includeHistory also the course of it. Of an ended process it gives the totals.",
	kind: "reads",
	input: z.strictObject({
		pid,
		includeHistory: z
			.boolean()
			.default(false)
			.describe(
				"Give the course of its use as well: a point a second for the last 10 minutes, thinner before.",
			),
	}),
	output: z.object({
		pid,
		state,
		...usage,
		limits: z
			.array(limit)
			.describe("Limits that hold for the process, and their use."),
		history: z
			.array(point)
			.optional()
			.describe("Its use so far, oldest first."),
	}),
	async run({ pid, includeHistory }, { manager }) {
		const process = manager.get(pid);
		const figures = await manager.monitor.usage(process);
		return {
			pid,
			state: process.state,
			...figures,
			uptime: process.uptime,
			limits: limitsOf(process, figures),
			...(includeHistory && { history: manager.monitor.history(process) }),
		};
	},
});

const UNITS: Readonly<Record<LimitName, string>> = {
	maxCpuPercent: "percent of a core",
	maxMemoryMB: "MB",
	maxCpuTime: "CPU seconds",
	maxProcesses: "processes",
	maxFileDescriptors: "descriptors of one process",
};

/** Each limit that holds for a process, its use, and what enforces it. */
function limitsOf(
	process: ManagedProcess,
	usage: Usage,
): z.input<typeof limit>[] {
	const { deadlines, limits } = process.identity;
	const used: Readonly<Record<LimitName, number>> = {
		maxCpuPercent: usage.cpuPercent,
		maxMemoryMB: memoryOf(process, usage),
		maxCpuTime: usage.cpuSeconds,
		maxProcesses: usage.processCount,
		maxFileDescriptors:
			limits.maxFileDescriptors === undefined
				? 0
				: (process.tree.openDescriptors() ?? 0),
	};
	const times = [
		["timeout", deadlines.timeout],
		["maxProcessLifetime", deadlines.lifetime],
	] as const;
	return [
		...LIMIT_NAMES.map((name) => ({
			name,
			limit: limits[name],
			used: used[name],
			unit: UNITS[name],
			enforcedBy: process.tree.enforcedBy(name) ?? "nothing",
		})),
		...times.map(([name, value]) => ({
			name,
			limit: value,
			used: process.uptime,
			unit: "ms",
			enforcedBy: "a timer of the server",
		})),
	].flatMap(({ limit, ...rest }) =>
		limit === undefined ? [] : [{ limit, ...rest }],
	);
}

/** Memory as the limit counts it, in which shared pages count once. */
function memoryOf(process: ManagedProcess, usage: Usage): number {
	const bytes =
		process.identity.limits.maxMemoryMB === undefined
			? undefined
			: process.tree.proportionalMemory();
	return bytes === undefined
		? usage.memoryMB
		: Math.round((bytes / 2 ** 20) * 100) / 100;
}

export const processList = defineTool({
	name: "process_list",
	title: "List processes",
	description:
		"Lists the processes started here, running ones and the latest ended ones, oldest first, with pid, command, state and exit code; optionally only those in one state or of one name.",
	kind: "reads",
	input: z.strictObject({
		state: z.enum(STATES).optional().describe("Only those in this state."),
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
				}),
			)
			.describe("The processes, oldest first."),
		groups: z.array(z.object({})).describe("Groups of processes."),
		services: z.array(z.object({})).describe("Supervised services."),
	}),
	run(filter, { manager }) {
		const processes = manager
			.list()
			.filter(
				(process) =>
					(filter.state === undefined || process.state === filter.state) &&
					(filter.name === undefined || process.identity.name === filter.name),
			)
			.map((process) => ({
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
			}));
		return { processes, groups: [], services: [] };
	},
});

export const processGetStatus = defineTool({
	name: "process_get_status",
	title: "Look at a process",
	description:
		"Tells the state of one process, running or ended: command, arguments, directory, how long it ran, how it ended (exit code, signal, cause), what it uses, and the TCP ports on which it or its children listen.",
	kind: "reads",
	input: z.strictObject({ pid }),
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
		stats: z
			.object(usage)
			.describe("What it uses, as process_get_stats tells it."),
		ports: z
			.array(z.number().int())
			.optional()
			.describe(
				"Listening TCP ports of the tree; absent where the system isn't asked.",
			),
	}),
	run: ({ pid }, { manager }) => statusOf(manager, pid),
});

/** What process_get_status gives of a process. */
export async function statusOf(manager: ProcessManager, pid: number) {
	const process = manager.get(pid);
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
		stats: { ...figures, uptime: process.uptime },
		...(ports && { ports: [...ports] }),
	};
}
