import {
	processAddToGroup,
	processCreateGroup,
	processTerminateGroup,
} from "./groups.ts";
import { processSendStdin } from "./io.ts";
import { processStart } from "./launch.ts";
import { processGetOutput } from "./output.ts";
import { processCheckPolicy } from "./policy.ts";
import {
	processRestartService,
	processStartService,
	processStopService,
} from "./services.ts";
import { processGetStats } from "./stats.ts";
import { processGetStatus, processList } from "./status.ts";
import { processTerminate } from "./terminate.ts";
import { type ServedTool, type ToolContext, unknownTool } from "./tool.ts";
import { processWait } from "./wait.ts";

/** Every tool, in the order in which clients see them. */
export const tools: readonly ServedTool[] = [
	processStart,
	processTerminate,
	processGetStats,
	processSendStdin,
	processGetOutput,
	processList,
	processGetStatus,
	processCreateGroup,
	processAddToGroup,
	processTerminateGroup,
	processStartService,
	processStopService,
	processWait,
	processRestartService,
	processCheckPolicy,
];

const byName = new Map(tools.map((tool) => [tool.name, tool]));

/** Calls a tool; also a tool that is not there has a result, which says so. */
export async function callTool(
	name: unknown,
	input: unknown,
	context: ToolContext,
): ReturnType<ServedTool["call"]> {
	const tool = typeof name === "string" ? byName.get(name) : undefined;
	return tool?.call(input, context) ?? unknownTool(name, [...byName.keys()]);
}
