import { z } from "zod";
import { resourceLimits } from "../config/fields.ts";
import { ProcessError } from "../errors.ts";
import { pid, startTime } from "./fields.ts";
import { defineTool } from "./tool.ts";
import { conditions, needsOutput, outcome, prepare, resultOf } from "./wait.ts";

export const processStart = defineTool({
	name: "process_start",
	title: "Start a process",
	description:
		'Starts a program, if the user\'s policy allows it, and returns at once with its pid; it runs on until it ends, process_terminate ends it, or its timeout passes. With waitFor it returns when something has happened: waitFor {exit: true} runs a command to its end and gives exit code and output in this one call; {port: 3000} or {pattern: "ready"} starts a server and returns when it is up. No shell reads the command: executable is one program, args its arguments as a list, so pipes, globs, && and $VARIABLES do not work. Output is kept for process_get_output; input is given by process_send_stdin. A refusal says which rule refused and what would be allowed.',
	kind: "starts",
	input: z.strictObject({
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
		resourceLimits: resourceLimits
			.default({})
			.describe(
				"Limits for the process and all that it starts; the policy may set lower ones.",
			),
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
		const { manager, agent, ask } = context;
		const capture = input.captureOutput ?? manager.config.allowOutputCapture;
		if (waitFor && needsOutput(waitFor) && !capture) throw nothingToWaitFor();
		const wanted = waitFor && prepare(waitFor, "waitFor.");
		const request = { ...input, agent };
		const { process, warnings } = await manager.start(request, ask);
		const from = { stdout: 0, stderr: 0 };
		return {
			pid: process.pid,
			startTime: process.startedAt.toISOString(),
			...(warnings.length > 0 && { warnings: [...warnings] }),
			...(wanted && (await resultOf(process, { ...wanted, from }, context))),
		};
	},
});

function nothingToWaitFor(): ProcessError {
	return new ProcessError(
		"OUTPUT_NOT_CAPTURED",
		"waitFor: patterns and idleMs need output, and it is not captured",
		"Start it with captureOutput: true, or wait for exit or a port.",
		{ field: "waitFor" },
	);
}
