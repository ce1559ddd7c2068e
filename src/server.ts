import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import type { RequestHandlerExtra } from "@modelcontextprotocol/sdk/shared/protocol.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import {
	ErrorCode,
	ListResourcesRequestSchema,
	ListResourceTemplatesRequestSchema,
	ListToolsRequestSchema,
	McpError,
	ReadResourceRequestSchema,
	type ServerNotification,
	type ServerRequest,
	SubscribeRequestSchema,
	UnsubscribeRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { CfWorkerJsonSchemaValidator } from "@modelcontextprotocol/sdk/validation/cfworker";
import { diagnose, messageOf, ProcessError } from "./errors.ts";
import { withIds } from "./ids.ts";
import type { ProcessManager } from "./process/manager.ts";
import type { Ask } from "./security/confirmation.ts";
import type { Groups } from "./supervision/group.ts";
import type { Services } from "./supervision/services.ts";
import { Calls } from "./tools/calls.ts";
import type { Subscriptions } from "./tools/resources.ts";
import type { Progress } from "./tools/tool.ts";
import { fixed } from "./transport.ts";

/** What a model that has never seen the tools needs to know; under 2 KB. */
const INSTRUCTIONS = `Starts and manages programs on the user's machine, within a policy that the user set and no call can change.

Run one command to its end: process_start with waitFor {exit: true}; exit code and output come in that one answer.
Start a server: process_start with waitFor {port: 3000} or {pattern: "ready", failPattern: "error"}; it returns when that has happened and the server runs on. To keep it up (restarts, health checks): process_start_service; its name then stands in place of pid.
Long work: process_start, then process_wait (exit, pattern, port, idleMs) instead of sleeping or polling. Give timeouts below 60 s and call again: event "timeout" is no failure.
Talk to a program: process_send_stdin (end lines with \\n), then process_wait with idleMs, or a pattern for its prompt, and the last cursor. Programs that read their input to its end (cat, sort, python3 -) need closeStdin: true, or end: true. For those that need a terminal (a REPL, a password, an editor) give terminal {cols: 80, rows: 24}, and read with screen: true; waitingForInput of process_get_status says what they wait for.
Read output: process_get_output; tailLines for the end of it, pattern for matching lines, waitMs to wait for more. Every reply has a cursor: pass on the last one and you get only what is new, nothing twice. truncated means that there is more than a reply may hold, dropped how many bytes are lost.
End: process_terminate ends a process and everything that it started. All processes end with this server.

- No shell: a program and a list of arguments. For a | b make a pipeline (process_create_group); for cd use cwd; for VAR=x use env.
- Output is text without colors. Programs may hold it back while their output is a pipe: python3 -u, grep --line-buffered.
- A refusal (code SECURITY_VIOLATION and others) says which rule refused and, in remediation, what would be allowed. Trying the same in disguise does not work; ask the user to change the policy instead.`;

export interface ServerOptions {
	readonly version: string;
	readonly manager: ProcessManager;
	readonly groups: Groups;
	readonly services: Services;
}

// Made when they are first needed: a client that has just started this program
// is answered before, as their schemas take longer to make than all the rest.
const toolsModule = once(() => import("./tools/index.ts"));
const resourcesModule = once(() => import("./tools/resources.ts"));

function once<T>(make: () => T): () => T {
	let made: { readonly value: T } | undefined;
	return () => {
		made ??= { value: make() };
		return made.value;
	};
}

/**
 * Serves tools over a transport until that closes.
 *
 * @returns the calls under way, to be ended when the server stops
 */
export async function serveTools(
	transport: Transport,
	{ version, manager, services, groups }: ServerOptions,
): Promise<Calls> {
	const server = new Server(
		{ name: "mcp-process", version },
		{
			capabilities: {
				tools: {},
				logging: {},
				resources: { subscribe: true, listChanged: true },
			},
			instructions: INSTRUCTIONS,
			// The SDK's default compiles code from strings, which the executable forbids.
			jsonSchemaValidator: new CfWorkerJsonSchemaValidator(),
		},
	);
	const calls = new Calls();
	// The next thing that every client asks for.
	server.oninitialized = () => void toolsModule();
	const listing = once(async () => {
		const { tools } = await toolsModule();
		return fixed({ tools: tools.map((tool) => tool.listing()) });
	});
	server.setRequestHandler(ListToolsRequestSchema, listing);
	// As the fallback it gets what the SDK's own handler would refuse unseen:
	// what a model can mend has to reach the model in the contract's form.
	server.fallbackRequestHandler = async ({ method, params }, extra) => {
		if (method !== "tools/call")
			throw new McpError(ErrorCode.MethodNotFound, `Unknown method: ${method}`);
		const { callTool } = await toolsModule();
		const agent = server.getClientVersion()?.name ?? "unknown";
		const canAsk = server.getClientCapabilities()?.elicitation?.form;
		const progress = progressFor(params?._meta?.progressToken, extra);
		return calls.run(extra.signal, (signal) => {
			const ask = canAsk ? askThrough(server, signal) : undefined;
			const caller = { agent, ask, signal, progress };
			const call = { manager, services, groups, ...caller };
			return callTool(params?.name, params?.arguments, call);
		});
	};
	serveResources(server, manager);
	manager.onBreach = ({ pid, identity: { name } }, { cause, message }) => {
		const data = { pid, ...(name !== undefined && { name }), cause, message };
		tell(
			server.sendLoggingMessage({ level: "warning", logger: "limits", data }),
		);
	};
	services.onRecord = (serviceId, { level, operation, result, reason }) => {
		if (level === "info") return;
		const data = { serviceId, operation, result, reason };
		const severity = level === "warn" ? "warning" : level;
		server
			.sendLoggingMessage({ level: severity, logger: "services", data })
			.catch((error: unknown) => diagnose(messageOf(error)));
	};
	server.onerror = (error) => {
		diagnose(`protocol: ${error.message}`);
	};
	await server.connect(withIds(transport));
	return calls;
}

/** Serves the processes' output and status as resources. */
function serveResources(server: Server, manager: ProcessManager): void {
	// Who never asked for the list doesn't need to know that it has changed.
	let isListed = false;
	const subscriptions = once(async (): Promise<Subscriptions> => {
		const { Subscriptions } = await resourcesModule();
		return new Subscriptions(manager, {
			updated: (uri) => tell(server.sendResourceUpdated({ uri })),
			listChanged: () => {
				if (isListed) tell(server.sendResourceListChanged());
			},
		});
	});
	server.setRequestHandler(ListResourcesRequestSchema, async () => {
		const { listResources } = await resourcesModule();
		await subscriptions();
		isListed = true;
		return { resources: listResources(manager) };
	});
	server.setRequestHandler(ListResourceTemplatesRequestSchema, async () => {
		const { resourceTemplates } = await resourcesModule();
		return { resourceTemplates };
	});
	server.setRequestHandler(ReadResourceRequestSchema, ({ params: { uri } }) =>
		asked(uri, async () => {
			const { readResource } = await resourcesModule();
			return { contents: [await readResource(manager, uri)] };
		}),
	);
	server.setRequestHandler(SubscribeRequestSchema, ({ params: { uri } }) =>
		asked(uri, async () => {
			(await subscriptions()).add(uri);
			return {};
		}),
	);
	server.setRequestHandler(
		UnsubscribeRequestSchema,
		async ({ params: { uri } }) => {
			(await subscriptions()).remove(uri);
			return {};
		},
	);
}

/** Code for a resource that is not there (MCP, Resources, Error Handling). */
const RESOURCE_NOT_FOUND = -32002;

/** Gives a failure in the form that the protocol has for resources. */
async function asked<T>(uri: string, answer: () => Promise<T>): Promise<T> {
	try {
		return await answer();
	} catch (error) {
		if (!(error instanceof ProcessError)) throw error;
		const { code, message, remediation } = error;
		const text = `${message}. ${remediation}`;
		throw new McpError(RESOURCE_NOT_FOUND, text, { uri, code });
	}
}

/** A notice that does not reach its client is the user's to know of. */
function tell(sent: Promise<void>): void {
	sent.catch((error: unknown) => diagnose(messageOf(error)));
}

/** Tells a client that gave a token for it how far its call is. */
function progressFor(
	progressToken: string | number | undefined,
	{ sendNotification, signal }: Pick<Extra, "sendNotification" | "signal">,
): Progress | undefined {
	if (progressToken === undefined) return undefined;
	return (progress, total, message) => {
		if (signal.aborted) return;
		const params = { progressToken, progress, total, message };
		tell(sendNotification({ method: "notifications/progress", params }));
	};
}

type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>;

/** Milliseconds that a user has for an answer. */
const ANSWER_TIMEOUT = 300_000;

/** Asks the user by elicitation; a call whose answer nobody waits for is not asked about any more. */
function askThrough(server: Server, signal: AbortSignal): Ask {
	return async (message) => {
		// The SDK would take back a question that was answered long ago, too.
		const question = new AbortController();
		const takeBack = () => question.abort();
		if (signal.aborted) takeBack();
		signal.addEventListener("abort", takeBack);
		try {
			const { action } = await server.elicitInput(
				{ message, requestedSchema: { type: "object", properties: {} } },
				{ timeout: ANSWER_TIMEOUT, signal: question.signal },
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
		} finally {
			signal.removeEventListener("abort", takeBack);
		}
	};
}
