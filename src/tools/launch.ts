import { z } from "zod";
import { resourceLimits } from "../config/fields.ts";
import { pid, startTime } from "./fields.ts";
import { defineTool } from "./tool.ts";

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
			"Environment variables to add to the few that are inherited. Those that load code (PATH, LD_PRELOAD, NODE_OPTIONS …) are removed, with a warning.",
		),
	resourceLimits: resourceLimits
		.default({})
		.describe(
			"Limits for the process and all that it starts; the policy may set lower ones.",
		),
};

export const processStart = defineTool({
	name: "process_start",
	title: "Start a process",
	description:
		"Starts a program, if the user's policy allows it, and returns at once with its pid; the program runs on until it ends, process_terminate ends it, or its timeout passes. No shell reads the command: executable is one program, args its arguments as a list, so pipes, globs, && and $VARIABLES do not work. Output is kept for process_get_output; input is given by process_send_stdin. A refusal says which rule refused and what would be allowed.",
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
				"Close its standard input after `stdin`, or at once: for programs that read their input to its end.",
			),
	}),
	output: z.object({
		pid,
		startTime,
		warnings: z
			.array(z.string())
			.optional()
			.describe("What was changed in the request, if anything."),
	}),
	async run(input, { manager, agent, ask }) {
		const request = { ...input, agent };
		const { process, warnings } = await manager.start(request, ask);
		return {
			pid: process.pid,
			startTime: process.startedAt.toISOString(),
			...(warnings.length > 0 && { warnings: [...warnings] }),
		};
	},
});
