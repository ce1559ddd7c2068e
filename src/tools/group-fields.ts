import { z } from "zod";
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
					.describe("In a pipeline: bytes that the next stage has taken."),
				flow: z
					.enum(["waiting", "held", ...FLOWS])
					.optional()
					.describe(
						"In a pipeline, of its output. waiting: no next stage yet. held: and no more is read until one comes, or its output is read by cursor. passing. ended: all was passed. broken: the next stage took no more. refused: by the policy (blockBinaryStdin).",
					),
			}),
		)
		.describe("Its members, in the order in which they were added."),
});

/** Every group, as `group` shows it. */
export function groupsOf(groups: Groups): z.input<typeof group>[] {
	return groups.list().map(({ id, name, pipeline, members }) => ({
		groupId: id,
		name,
		pipeline,
		members: members.map((process) => ({
			pid: process.pid,
			command: process.identity.command,
			state: process.state,
			...exitCodeOf(process),
			...(pipeline && flowOf(process, groups)),
		})),
	}));
}

/** The group that a process is in, as a field of a result. */
export function groupIdOf(
	process: ManagedProcess,
	groups: Groups,
): { readonly groupId?: string } {
	const group = groups.of(process);
	return group ? { groupId: group.id } : {};
}

function flowOf(process: ManagedProcess, groups: Groups) {
	const joint = groups.jointOf(process);
	if (joint) return { bytesPassed: joint.bytes, flow: joint.flow };
	const flow = process.stdout.isFull ? "held" : "waiting";
	return { bytesPassed: 0, flow } as const;
}
