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
	processCreateGroup,
	processAddToGroup,
	processTerminateGroup,
	processStartService,
	processStopService,
	processWait,
	processRestartService,
	processCheckPolicy,
];
