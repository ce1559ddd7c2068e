import { z } from "zod";
import { resourceLimits } from "../config/fields.ts";
import type { Config } from "../config/schema.ts";
import { ProcessError } from "../errors.ts";
import type { ManagedProcess } from "../process/process.ts";
import type { Group } from "../supervision/group.ts";
import {
	conditions,
	needsOutput,
	outcome,
	prepare,
	resultOf,
} from "./conditions.ts";
import { groupId, pid, startTime } from "./fields.ts";
import { latestLine, whileTelling } from "./progress.ts";
import { terminalSize } from "./terminal.ts";
import { defineTool, type ToolContext } from "./tool.ts";

/** What every launch takes. */
export const launchFields = {
	executable: z
		.string()
		.min(1)
		.max(4096)
		.describe(
			"Program: a name looked up in the server's PATH (node), or a path (absolute, or relative to cwd).",
		),
	args: z
		.array(z.string())
		.default([])
		.describe("Arguments, one string each, passed as they are."),
	cwd: z
		.string()
		.min(1)
		.max(4096)
		.optional()
		.describe(
			"Working directory. Default: the server's own, or the first one that the policy allows.",
		),
	env: z
		.record(z.string(), z.string())
		.default({})
		.describe(
			"Environment variables to add to the few that are inherited. Those that load code (PATH, LD_PRELOAD, NODE_OPTIONS and their like) are removed, with a warning.",
		),
	resourceLimits: z
		._default(resourceLimits, {})
		.describe(
			"Limits for the process and all that it starts; the policy may set lower ones.",
		),
};

export const processStart = defineTool({
	name: "process_start",
	title: "Start a process",
	description:
		'Starts a program, if the user\'s policy allows it, and returns at once with its pid; it runs on until it ends, process_terminate ends it, or its timeout passes. With waitFor it returns when something has happened: waitFor {exit: true} runs a command to its end and gives exit code and output in this one call (event "timeout": it has not ended within 30 s, or waitFor\'s timeout, and runs on; process_wait waits on); {port: 3000} or {pattern: "ready"} starts a server and returns when it is up. No shell reads the command: executable is one program, args its arguments as a list, so pipes, globs, && and $VARIABLES do not work (for pipes: process_create_group). Output is kept for process_get_output; input is given by process_send_stdin. A refusal says which rule refused and what would be allowed.',
	kind: "starts",
	input: z.strictObject({
		executable: launchFields.executable,
		args: launchFields.args,
		cwd: launchFields.cwd,
		env: launchFields.env,
		timeout: z
			.number()
			.min(1)
			.optional()
			.describe(
				"Milliseconds after which the process and all that it started are ended.",
			),
		captureOutput: z
			.boolean()
			.optional()
			.describe("Keep its output to be read. Default: true."),
		resourceLimits: launchFields.resourceLimits,
		name: z
			.string()
			.min(1)
			.max(200)
			.optional()
			.describe("A name of your choice, shown by process_list."),
		stdin: z
			.string()
			.optional()
			.describe("Text to write to its standard input at once."),
		closeStdin: z
			.boolean()
			.default(false)
			.describe(
				"Close its standard input after `stdin`, or at once: for programs that read their input to its end, also those that only do so where it is a pipe (rg and grep without a file).",
			),
		terminal: terminalSize
			.optional()
			.describe(
				"Run it in a terminal of this size, for programs that need one: a REPL, a password prompt, git add -p, an editor. Read it with screen, or as any output; its streams are then one, stdout; closeStdin types Ctrl-D.",
			),
		groupId: groupId
			.optional()
			.describe(
				"Group to start it in. In a pipeline the process added before feeds its standard input. Its own output waits for the next stage: when its pipe is full (64 KB to 1 MB) it stands still until there is one, or it is read by cursor; reading twice without cursor lets it run on, the oldest output being dropped.",
			),
		mergeStderr: z
			.boolean()
			.default(false)
			.describe(
				"One stream for standard output and error, in the order in which they are written: all of it is in stdout then.",
			),
		waitFor: z
			.strictObject(conditions)
			.optional()
			.describe(
				"Answer only when one of these has happened, as process_wait would; its timeout ends the wait, not the process.",
			),
	}),
	output: z.object({
		pid,
		startTime,
		warnings: z
			.array(z.string())
			.optional()
			.describe("What was changed in the request, if anything."),
		...z.object(outcome).partial().shape,
	}),
	async run({ waitFor, ...input }, context) {
		const { manager, groups, agent, ask, signal } = context;
		const capture = input.captureOutput ?? manager.config.allowOutputCapture;
		if (waitFor && needsOutput(waitFor) && !capture)
			throw nothingToWaitFor(manager.config);
		const wanted = waitFor && prepare(waitFor, "waitFor.");
		const group =
			input.groupId === undefined ? undefined : groups.checkOpen(input.groupId);
		if (group?.pipeline && input.terminal) {
			throw new ProcessError(
				"INVALID_ARGUMENT",
				`terminal: ${group.id} is a pipeline, and its stages need pipes`,
				"Leave out terminal, or groupId.",
				{ field: "terminal" },
			);
		}
		const isFed = group?.pipeline === true && group.members.length > 0;
		if (isFed && input.closeStdin) {
			throw new ProcessError(
				"INVALID_ARGUMENT",
				"closeStdin: the stage before it in the pipeline feeds its standard input, and ends it",
				"Leave closeStdin out.",
				{ field: "closeStdin" },
			);
		}
		const keepOutput = group?.pipeline === true;
		const source = isFed ? group.members.at(-1) : undefined;
		const request = { ...input, agent, keepOutput, source, signal };
		const { process, warnings } = await manager.start(request, ask);
		if (group) await enter(group, process, context);
		const from = { stdout: 0, stderr: 0 };
		return {
			pid: process.pid,
			startTime: process.startedAt.toISOString(),
			...(warnings.length > 0 && { warnings: [...warnings] }),
			...(wanted &&
				(await whileTelling(
					wanted.timeout,
					context,
					() => latestLine(process),
					() => resultOf(process, { ...wanted, from }, context),
				))),
		};
	},
});

/** Adds a new process to its group; one that has no place there any more is not left running. */
async function enter(
	group: Group,
	process: ManagedProcess,
	{ manager, groups, agent }: Pick<ToolContext, "manager" | "groups" | "agent">,
): Promise<void> {
	try {
		groups.add(group.id, process);
		manager.journal.grouped(group, agent, process);
	} catch (error) {
		await manager.terminate(process, {
			cause: "terminated",
			message: `ended as it could not join ${group.id}`,
			force: true,
			grace: 0,
			mayKill: true,
		});
		throw error;
	}
}

function nothingToWaitFor({
	allowOutputCapture,
}: Pick<Config, "allowOutputCapture">): ProcessError {
	return new ProcessError(
		"OUTPUT_NOT_CAPTURED",
		"waitFor: patterns and idleMs need output, and it is not captured",
		allowOutputCapture
			? "Start it with captureOutput: true, or wait for exit or a port."
			: "The user's policy discards output: wait for exit or a port; or the user sets allowOutputCapture to true.",
		{ field: "waitFor" },
	);
}
