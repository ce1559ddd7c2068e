import { z } from "zod";
import type { Usage } from "../process/figures.ts";
import type { ManagedProcess } from "../process/process.ts";
import { proportionalMemory } from "../process/proportional-memory.ts";
import { LIMIT_NAMES, type LimitName } from "../security/resources.ts";
import { pid, state, uptime } from "./fields.ts";
import { processOf, target } from "./target.ts";
import { defineTool } from "./tool.ts";

/** The fields of what a tree uses. */
export const usage = {
	cpuPercent: z
		.number()
		.describe(
			"CPU of the whole tree, 100 = one core: over about the last second, at first since the start.",
		),
	memoryMB: z
		.number()
		.describe(
			"Resident memory of the tree's processes, added up, MB (2^20): what several share counts for each of them. What maxMemoryMB counts, once, is in limits.",
		),
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
	used: z
		.number()
		.describe(
			"How much of it is used; of maxMemoryMB what several processes share counts once, so it may be less than memoryMB.",
		),
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
		...target,
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
	async run({ includeHistory, ...which }, context) {
		const { manager } = context;
		const process = processOf(which, context);
		const figures = await manager.monitor.usage(process);
		return {
			pid: process.pid,
			state: process.state,
			...figures,
			uptime: process.uptime,
			limits: await limitsOf(process, figures),
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
async function limitsOf(
	process: ManagedProcess,
	usage: Usage,
): Promise<z.input<typeof limit>[]> {
	const { deadlines, limits } = process.identity;
	const used: Readonly<Record<LimitName, number>> = {
		maxCpuPercent: usage.cpuPercent,
		maxMemoryMB: await memoryOf(process, usage),
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
async function memoryOf(
	process: ManagedProcess,
	usage: Usage,
): Promise<number> {
	const bytes =
		process.identity.limits.maxMemoryMB === undefined
			? undefined
			: await proportionalMemory(process.tree);
	return bytes === undefined
		? usage.memoryMB
		: Math.round((bytes / 2 ** 20) * 100) / 100;
}
