import { z } from "zod";
import { ProcessError } from "../errors.ts";
import type { ProcessManager } from "../process/manager.ts";
import type { ManagedProcess } from "../process/process.ts";
import {
	type Ask,
	groupTerminationQuestion,
	requireApproval,
} from "../security/confirmation.ts";
import { withPlace } from "../security/place.ts";
import type { Group } from "../supervision/group.ts";
import { checkAllowed, endingFields, manner, survivors } from "./ending.ts";
import { groupId, pid } from "./fields.ts";
import { whileTelling } from "./progress.ts";
import { defineTool } from "./tool.ts";

export const processCreateGroup = defineTool({
	name: "process_create_group",
	title: "Make a group of processes",
	description:
		"Makes a group, so that several processes can be seen and ended together. With pipeline, each process added feeds its standard output, from its first byte, to the standard input of the next one, as a | b does in a shell. Add by process_start with groupId, or by process_add_to_group, in the order of the stages; read the last stage's output: until somebody does, it stands still once its pipe is full.",
	kind: "notes",
	input: z.strictObject({
		name: z.string().min(1).max(200).describe("A name of your choice."),
		pipeline: z
			.boolean()
			.default(false)
			.describe("Join the members' outputs and inputs."),
	}),
	output: z.object({
		groupId: groupId.describe("What other tools name the group by."),
		name: z.string().describe("The name it was given."),
	}),
	run({ name, pipeline }, { manager, groups, agent }) {
		try {
			const group = groups.create(name, pipeline);
			manager.journal.grouped(group, agent);
			return { groupId: group.id, name };
		} catch (error) {
			manager.journal.refusedGroup(agent, error);
			throw withPlace(error, manager.gate.policy);
		}
	},
});

export const processAddToGroup = defineTool({
	name: "process_add_to_group",
	title: "Add a process to a group",
	description:
		"Adds a process, running or ended, to a group. In a pipeline the member before feeds its standard input with all of its output, also what it wrote already, and ends it when that ends; so the input must still be open.",
	kind: "feeds",
	input: z.strictObject({ groupId, pid }),
	output: z.object({ groupId, pid }),
	run({ groupId, pid }, { manager, groups, services, agent }) {
		const group = groups.get(groupId);
		const process = manager.get(pid);
		const service = services.of(process);
		if (service)
			throw new ProcessError(
				"INVALID_ARGUMENT",
				`pid: process ${pid} is a service's, whose processes change, so it can't be in a group`,
				"Start the program with process_start to group it; process_stop_service ends a service.",
				{ field: "pid" },
			);
		const isNew = !group.members.includes(process);
		groups.add(groupId, process);
		if (isNew) manager.journal.grouped(group, agent, process);
		return { groupId, pid };
	},
});

export const processTerminateGroup = defineTool({
	name: "process_terminate_group",
	title: "End a group of processes",
	description:
		"Ends all members of a group and everything that they started, all at once: SIGTERM first, SIGKILL for what is left after timeout; with force, SIGKILL at once. Returns when all of it is gone. Members that had ended before are left as they are.",
	kind: "ends",
	input: z.strictObject({ groupId, ...endingFields }),
	output: z.object({
		groupId,
		terminatedPids: z
			.array(z.number().int())
			.describe("Members that this call ended."),
		survivors,
	}),
	async run({ groupId, force, timeout }, context) {
		const { manager, groups, agent, ask } = context;
		const group = groups.get(groupId);
		return groups.whileEnding(groupId, async () => {
			const members = group.members.filter((member) => member.lives);
			try {
				checkAllowed(manager, force, true);
				await confirm(group, members, manager, agent, ask);
			} catch (error) {
				manager.journal.refusedGroup(agent, error);
				throw withPlace(error, manager.gate.policy);
			}
			const ended = await whileTelling(
				timeout,
				context,
				() => `${members.filter(({ lives }) => lives).length} still live`,
				() => endAll(members, manager, force, timeout),
			);
			return { groupId, ...ended };
		});
	},
});

/** @throws ProcessError CONFIRMATION_DECLINED or CONFIRMATION_UNAVAILABLE */
async function confirm(
	group: Group,
	members: readonly ManagedProcess[],
	{ config }: ProcessManager,
	agent: string,
	ask: Ask | undefined,
): Promise<void> {
	if (!config.requireTerminationConfirmation || members.length === 0) return;
	const shown = members.map(({ pid, identity: { file, args } }) => ({
		pid,
		file,
		args,
	}));
	await requireApproval(ask, groupTerminationQuestion(group, shown, agent));
}

/** @throws ProcessError TERMINATION_FAILED where SIGKILL would be needed but may not be used */
async function endAll(
	members: readonly ManagedProcess[],
	manager: ProcessManager,
	force: boolean,
	grace: number,
): Promise<{ terminatedPids: number[]; survivors: number[] }> {
	const how = manner({ manager }, "process_terminate_group", force, grace);
	const ends = await Promise.allSettled(
		members.map((process) => manager.terminate(process, how)),
	);
	const terminatedPids: number[] = [];
	const survivors: number[] = [];
	let refused: ProcessError | undefined;
	for (const [index, end] of ends.entries()) {
		const member = members[index];
		if (!member) continue;
		if (end.status === "rejected") {
			if (!(end.reason instanceof ProcessError)) throw end.reason;
			refused ??= end.reason;
			survivors.push(...member.tree.alive());
		} else if (end.value.survivors.length > 0)
			survivors.push(...end.value.survivors);
		else terminatedPids.push(member.pid);
	}
	if (!refused) return { terminatedPids, survivors };
	throw new ProcessError(refused.code, refused.message, refused.remediation, {
		...refused.details,
		terminatedPids,
		survivors,
	});
}
