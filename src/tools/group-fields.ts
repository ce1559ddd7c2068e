import { z } from "zod";
import type { ProcessManager } from "../process/manager.ts";
import type { ManagedProcess } from "../process/process.ts";
import type { Groups } from "../supervision/group.ts";
import { FLOWS } from "../supervision/pipeline.ts";
import { exitCode, exitCodeOf, groupId, pid, state } from "./fields.ts";

/** A group, as process_list shows it. */
export const group = z.object({
	groupId,
	name: z.string().describe("Its name."),
	pipeline: z.boolean().describe("Whether each member feeds the next one."),
	members: z
		.array(
			z.object({
				pid,
				command: z.string().describe("The executable as it was asked for."),
				state,
				exitCode: exitCode.optional(),
				bytesPassed: z
					.number()
					.int()
					.optional()
					.describe(
						"In a pipeline: bytes that the next stage has taken. With flow piped, which the server does not see: all that this stage and its children wrote, files too, less its stderr; absent where unknown, as once such a stage has ended.",
					),
				flow: z
					.enum(["waiting", "held", ...FLOWS])
					.optional()
					.describe(
						"In a pipeline, of its output. piped: by the system's own pipe. waiting: no next stage yet. held: and no more is read until one comes, or its output is read. passing. ended: all was passed (of piped, as far as the ends of both tell). broken: the next stage took no more. refused: by the policy (blockBinaryStdin).",
					),
			}),
		)
		.describe(
			"Its members that are remembered, in the order in which they were added.",
		),
});

/** Every group, as `group` shows it. */
export function groupsOf(
	groups: Groups,
	manager: ProcessManager,
): Promise<z.input<typeof group>[]> {
	const { monitor } = manager;
	// A pipeline's last stage keeps its place, but nobody can ask for it any more.
	const known = new Set(manager.list());
	const viewed = groups.list().map(async ({ id, name, pipeline, members }) => ({
		groupId: id,
		name,
		pipeline,
		members: await Promise.all(
			members
				.filter((process) => known.has(process))
				.map(async (process) => ({
					pid: process.pid,
					command: process.identity.command,
					state: process.state,
					...exitCodeOf(process),
					...(pipeline && (await flowOf(process, groups, monitor))),
				})),
		),
	}));
	return Promise.all(viewed);
}

/** The group that a process is in, as a field of a result. */
export function groupIdOf(
	process: ManagedProcess,
	groups: Groups,
): { readonly groupId?: string } {
	const group = groups.of(process);
	return group ? { groupId: group.id } : {};
}

async function flowOf(
	process: ManagedProcess,
	groups: Groups,
	monitor: ProcessManager["monitor"],
) {
	const joint = groups.jointOf(process);
	if (joint) {
		const { flow, bytes } = joint;
		// The system's count is no more than what was seen last; of what has ended it says nothing.
		const isCounted = flow === "piped";
		const bytesPassed =
			bytes ?? (isCounted ? await written(process, monitor) : undefined);
		return { flow, ...(bytesPassed !== undefined && { bytesPassed }) };
	}
	const flow = process.stdout.isFull ? "held" : "waiting";
	return { bytesPassed: 0, flow } as const;
}

/** What a stage wrote by the system's count, but for its standard error. */
async function written(
	process: ManagedProcess,
	monitor: ProcessManager["monitor"],
): Promise<number | undefined> {
	const { ioWrite } = await monitor.usage(process);
	return ioWrite === undefined
		? undefined
		: Math.max(0, ioWrite - process.stderr.end);
}
