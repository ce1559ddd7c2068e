import { processGetOutput, processSendStdin } from "./io.ts";
import { processStart } from "./launch.ts";
import { processCheckPolicy } from "./policy.ts";
import { processGetStats, processGetStatus, processList } from "./status.ts";
import { processTerminate } from "./terminate.ts";
import type { ServedTool } from "./tool.ts";
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
	processWait,
	processCheckPolicy,
];
