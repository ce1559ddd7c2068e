import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import {
	ErrorCode,
	ListResourcesRequestSchema,
	ListResourceTemplatesRequestSchema,
	ListToolsRequestSchema,
	McpError,
	ReadResourceRequestSchema,
	SubscribeRequestSchema,
	UnsubscribeRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { CfWorkerJsonSchemaValidator } from "@modelcontextprotocol/sdk/validation/cfworker";
import { withBadParams } from "./bad-params.ts";
import { diagnose, messageOf, ProcessError } from "./errors.ts";
import { introduction } from "./greeting.ts";
import { withIds } from "./ids.ts";
import type { ProcessManager } from "./process/manager.ts";
import { answering, type Call, type Handler } from "./requests.ts";
import type { Ask } from "./security/confirmation.ts";
import type { Groups } from "./supervision/group.ts";
import type { Services } from "./supervision/services.ts";
import type { Calls } from "./tools/calls.ts";
import type { Subscriptions } from "./tools/resources.ts";
import { sentAs } from "./tools/sent.ts";
import type { Progress } from "./tools/tool.ts";

export interface ServerOptions {
	readonly version: string;
	readonly manager: ProcessManager;
	readonly groups: Groups;
	readonly services: Services;
	/** The calls under way, to be ended when the server stops. */
	readonly calls: Calls;
}

// Made when they are first needed: a client that has just started this program
// is answered before, as their schemas take longer to make than all the rest.
const toolsModule = once(async () => {
	const made = await import("./tools/index.ts");
	// What runs from here on runs often: it is compiled as usual, which nothing was so
	// far. A Bun before 1.4.2, by which the package may be run, knows no such policy.
	Bun.unsafe.setJITPolicy?.(1);
	return made;
});
const resourcesModule = once(() => import("./tools/resources.ts"));

function once<T>(make: () => T): () => T {
	let made: { readonly value: T } | undefined;
	return () => {
		made ??= { value: make() };
		return made.value;
	};
}

/** Serves tools over a transport until that closes. */
export async function serveTools(
	transport: Transport,
	{ version, manager, services, groups, calls }: ServerOptions,
): Promise<void> {
	const { serverInfo, capabilities, instructions } = introduction(version);
	const server = new Server(serverInfo, {
		capabilities,
		instructions,
		// The SDK's default compiles code from strings, which the executable forbids.
		jsonSchemaValidator: new CfWorkerJsonSchemaValidator(),
	});
	// The next thing that every client asks for.
	server.oninitialized = () => void toolsModule();
	const listing = once(async () => {
		const { tools } = await toolsModule();
		const result = { tools: tools.map((tool) => tool.listing()) };
		return sentAs(JSON.stringify(result), result);
	});
	server.setRequestHandler(ListToolsRequestSchema, listing);
	// Not the SDK's own handler, which refuses unseen what a model can mend: that has
	// to reach the model in the contract's form.
	const call: Handler = async ({ params, signal: cancelled, notify }) => {
		const { callTool } = await toolsModule();
		const agent = server.getClientVersion()?.name ?? "unknown";
		const canAsk = server.getClientCapabilities()?.elicitation?.form;
		const progress = progressFor(params?._meta?.progressToken, notify);
		return calls.run(cancelled, (signal) => {
			const ask = canAsk ? askThrough(server, signal) : undefined;
			const caller = { agent, ask, signal, progress };
			const context = { manager, services, groups, ...caller };
			return callTool(params?.name, params?.arguments, context);
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
	server.onerror = faultReporter();
	server.fallbackRequestHandler = async ({ method }) => {
		throw rpcError(ErrorCode.MethodNotFound, `Unknown method: ${method}`);
	};
	const frequent = answering(
		transport,
		new Map<string, Handler>([
			["ping", async () => ({})],
			["tools/call", call],
		]),
	);
	await server.connect(withBadParams(withIds(frequent)));
}

/** Faults that are told one by one; later ones at each doubling of their number. */
const TOLD_SINGLY = 20;

/** Tells of faults in the protocol: a client that writes no messages must not fill its own log. */
function faultReporter(): (error: Error) => void {
	let count = 0;
	let next = 1;
	return ({ message }) => {
		count++;
		if (count < next) return;
		const isSingle = count <= TOLD_SINGLY;
		next = count < TOLD_SINGLY ? count + 1 : count * 2;
		const many = isSingle ? "" : ` (${count} faults so far)`;
		diagnose(`protocol: ${message}${many}`);
	};
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
		throw rpcError(RESOURCE_NOT_FOUND, text, { uri, code });
	}
}

/** A failure as JSON-RPC has it. The SDK's own begins its message with "MCP error" and the code, and so does what its client makes of it. */
function rpcError(code: number, message: string, data?: object): Error {
	return Object.assign(new Error(message), { code, data });
}

/** A notice that does not reach its client is the user's to know of. */
function tell(sent: Promise<void>): void {
	sent.catch((error: unknown) => diagnose(messageOf(error)));
}

/** Tells a client that gave a token for it how far its call is. */
function progressFor(
	progressToken: string | number | undefined,
	notify: Call["notify"],
): Progress | undefined {
	if (progressToken === undefined) return undefined;
	return (progress, total, message) => {
		const params = { progressToken, progress, total, message };
		notify("notifications/progress", params);
	};
}

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
