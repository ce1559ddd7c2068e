import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import type { RequestHandlerExtra } from "@modelcontextprotocol/sdk/shared/protocol.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import {
	ErrorCode,
	ListToolsRequestSchema,
	McpError,
	type ServerNotification,
	type ServerRequest,
} from "@modelcontextprotocol/sdk/types.js";
import { CfWorkerJsonSchemaValidator } from "@modelcontextprotocol/sdk/validation/cfworker";
import { diagnose, messageOf } from "./errors.ts";
import type { ProcessManager } from "./process/manager.ts";
import type { Ask } from "./security/confirmation.ts";
import { type Progress, type ServedTool, unknownTool } from "./tools/tool.ts";

/** What a model that has never seen the tools needs to know; under 2 KB. */
const INSTRUCTIONS = `Starts and manages programs on the user's machine, within a policy that the user set and no call can change.

- process_start runs one program with a list of arguments, without a shell, and returns its pid at once. Then read with process_get_output, passing the last cursor to get only what is new.
- Programs that read their input to its end (cat, sort, python3 -) need closeStdin: true, or process_send_stdin with end: true.
- process_terminate ends a process and everything that it started. All processes end with this server.
- A refusal (code SECURITY_VIOLATION and others) says which rule refused and, in remediation, what would be allowed. Trying the same in disguise does not work; ask the user to change the policy instead.`;

export interface ServerOptions {
	readonly version: string;
	readonly manager: ProcessManager;
	readonly tools: readonly ServedTool[];
}

/** Serves tools over a transport until that closes. */
export async function serveTools(
	transport: Transport,
	{ version, manager, tools }: ServerOptions,
): Promise<void> {
	const server = new Server(
		{ name: "mcp-process", version },
		{
			capabilities: { tools: {}, logging: {} },
			instructions: INSTRUCTIONS,
			// The SDK's default compiles code from strings, which the executable forbids.
			jsonSchemaValidator: new CfWorkerJsonSchemaValidator(),
		},
	);
	const byName = new Map(tools.map((tool) => [tool.name, tool]));
	server.setRequestHandler(ListToolsRequestSchema, () => ({
		tools: tools.map((tool) => tool.listing()),
	}));
	// As the fallback it gets what the SDK's own handler would refuse unseen:
	// what a model can mend has to reach the model in the contract's form.
	server.fallbackRequestHandler = async ({ method, params }, extra) => {
		if (method !== "tools/call")
			throw new McpError(ErrorCode.MethodNotFound, `Unknown method: ${method}`);
		const name = params?.name;
		const tool = typeof name === "string" ? byName.get(name) : undefined;
		if (!tool) return unknownTool(name, [...byName.keys()]);
		const agent = server.getClientVersion()?.name ?? "unknown";
		const canAsk = server.getClientCapabilities()?.elicitation?.form;
		const { signal } = extra;
		const ask = canAsk ? askThrough(server, signal) : undefined;
		const progress = progressFor(params?._meta?.progressToken, extra);
		return tool.call(params?.arguments, {
			manager,
			agent,
			ask,
			signal,
			progress,
		});
	};
	manager.onBreach = ({ pid, identity: { name } }, { cause, message }) => {
		const data = { pid, ...(name !== undefined && { name }), cause, message };
		server
			.sendLoggingMessage({ level: "warning", logger: "limits", data })
			.catch((error: unknown) => diagnose(messageOf(error)));
	};
	server.onerror = (error) => {
		diagnose(`protocol: ${error.message}`);
	};
	await server.connect(transport);
}

/** Tells a client that gave a token for it how far its call is. */
function progressFor(
	progressToken: string | number | undefined,
	{ sendNotification, signal }: Pick<Extra, "sendNotification" | "signal">,
): Progress | undefined {
	if (progressToken === undefined) return undefined;
	return (progress, total, message) => {
		if (signal.aborted) return;
		sendNotification({
			method: "notifications/progress",
			params: { progressToken, progress, total, message },
		}).catch((error: unknown) => diagnose(messageOf(error)));
	};
}

type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>;

/** Milliseconds that a user has for an answer. */
const ANSWER_TIMEOUT = 300_000;

/** Asks the user by elicitation; a call that the client cancels is not asked about any more. */
function askThrough(server: Server, signal: AbortSignal): Ask {
	return async (message) => {
		try {
			const { action } = await server.elicitInput(
				{ message, requestedSchema: { type: "object", properties: {} } },
				{ timeout: ANSWER_TIMEOUT, signal },
			);
			if (signal.aborted) return "cancelled";
			if (action === "accept") return "approved";
			return action === "decline" ? "declined" : "cancelled";
		} catch (error) {
			if (signal.aborted) return "cancelled";
			if (!(error instanceof McpError)) return "cancelled";
			if (error.code === ErrorCode.RequestTimeout) return "timed_out";
			return error.code === ErrorCode.MethodNotFound
				? "unsupported"
				: "cancelled";
		}
	};
}
