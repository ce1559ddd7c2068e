import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type {
	JSONRPCMessage,
	JSONRPCRequest,
	RequestId,
} from "@modelcontextprotocol/sdk/types.js";
import { diagnose } from "./errors.ts";
import { isPlainObject } from "./message.ts";
import { through } from "./passage.ts";
import type { LineTransport } from "./transport.ts";

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

/** Versions of the protocol that the SDK speaks, the latest one first; loading it to ask takes too long. */
export const PROTOCOL_VERSIONS = [
	"2025-11-25",
	"2025-06-18",
	"2025-03-26",
	"2024-11-05",
	"2024-10-07",
] as const;

/** What the server says of itself. */
export function introduction(version: string) {
	return {
		serverInfo: { name: "mcp-process", version },
		capabilities: {
			tools: {},
			logging: {},
			resources: { subscribe: true, listChanged: true },
		},
		instructions: INSTRUCTIONS,
	};
}

/**
 * Answers a client's `initialize` before the SDK is loaded, whose schemas take
 * longer to make than all the rest of a start. The SDK gets the request later, and
 * what it answers is kept back. A request that isn't plainly right is left to it.
 *
 * @returns the transport for the SDK, once the first message has come; undefined
 *   when the input ends before
 */
export async function greet(
	transport: LineTransport,
	version: string,
): Promise<Transport | undefined> {
	const first = await transport.listen();
	if (!first) return undefined;
	if (!isPlainInitialize(first)) return transport;
	const { id, params } = first;
	const [latest] = PROTOCOL_VERSIONS;
	const protocolVersion =
		PROTOCOL_VERSIONS.find((known) => known === params.protocolVersion) ??
		latest;
	const result = { protocolVersion, ...introduction(version) };
	await transport.send({ jsonrpc: "2.0", id, result });
	return withoutAnswer(transport, id);
}

/** A transport that keeps back the first answer to a request, as that has been given. */
function withoutAnswer(inner: Transport, id: RequestId): Transport {
	let isDue = true;
	return through(inner, {
		outward(message) {
			const isAnswer = isDue && !("method" in message) && message.id === id;
			if (!isAnswer) return message;
			isDue = false;
			if ("error" in message)
				diagnose(`protocol: initialize: ${message.error.message}`);
			return undefined;
		},
	});
}

/** An `initialize` that the SDK takes, too, and that asks for nothing special. */
interface PlainInitialize extends JSONRPCRequest {
	readonly params: { readonly protocolVersion: string };
}

function isPlainInitialize(
	message: JSONRPCMessage,
): message is PlainInitialize {
	if (!("id" in message && "method" in message)) return false;
	const { method, params } = message;
	if (method !== "initialize" || !isPlainObject(params)) return false;
	const { protocolVersion, capabilities, clientInfo, ...others } = params;
	return (
		typeof protocolVersion === "string" &&
		isCapability(capabilities) &&
		isPlainObject(clientInfo) &&
		"name" in clientInfo &&
		"version" in clientInfo &&
		Object.entries(clientInfo).every(
			([name, value]) => TEXTS.has(name) && typeof value === "string",
		) &&
		Object.keys(others).length === 0
	);
}

/** What a client may say of itself in a word. */
const TEXTS: ReadonlySet<string> = new Set([
	...["name", "version", "title", "description", "websiteUrl"],
]);
/** What a client tells of a capability by true or false; all else is an object. */
const FLAGS: ReadonlySet<string> = new Set(["listChanged", "applyDefaults"]);
/** Objects in objects; the protocol has four at most. */
const DEEPEST = 8;

function isCapability(value: unknown, depth = 0): boolean {
	return (
		isPlainObject(value) &&
		depth < DEEPEST &&
		Object.entries(value).every(([name, part]) =>
			FLAGS.has(name)
				? typeof part === "boolean"
				: isCapability(part, depth + 1),
		)
	);
}
