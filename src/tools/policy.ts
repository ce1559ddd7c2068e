import { z } from "zod";
import { resourceLimits } from "../config/fields.ts";
import { defineTool } from "./tool.ts";

export const processCheckPolicy = defineTool({
	name: "process_check_policy",
	title: "Ask what the policy says of a launch",
	description:
		"Tells whether process_start would be allowed with the same executable, args, cwd and env, and why: the verdict of each layer of the policy, in order. Starts nothing. Ask it before planning with a program, rather than trying.",
	kind: "reads",
	input: z.strictObject({
		executable: z
			.string()
			.min(1)
			.max(4096)
			.describe("Program, as for process_start."),
		args: z.array(z.string()).default([]).describe("Arguments."),
		cwd: z.string().min(1).max(4096).optional().describe("Working directory."),
		env: z
			.record(z.string(), z.string())
			.default({})
			.describe("Environment variables."),
		resourceLimits: z
			._default(resourceLimits, {})
			.describe("Resource limits, as for process_start."),
	}),
	output: z.object({
		allowed: z
			.boolean()
			.describe("Whether it would be started, if the user confirms."),
		resolved: z
			.string()
			.nullable()
			.describe("The real file that would run; null where there is none."),
		layers: z
			.array(
				z.object({
					layer: z.string().describe("The layer's name."),
					verdict: z
						.enum(["pass", "ask", "refuse"])
						.describe("ask: the user is asked when it is started."),
					reason: z.string().describe("Why."),
					remediation: z
						.string()
						.optional()
						.describe("Of a refusal: what can be done."),
				}),
			)
			.describe("Every layer's verdict, in the order in which they judge."),
	}),
	run(input, { manager, agent, ask }) {
		const { allowed, executable, layers } = manager.gate.explain(
			{ ...input, agent },
			ask !== undefined,
		);
		return { allowed, resolved: executable?.real ?? null, layers: [...layers] };
	},
});
