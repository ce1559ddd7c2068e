import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type {
	JSONRPCMessage,
	RequestId,
} from "@modelcontextprotocol/sdk/types.js";
import { through } from "./passage.ts";

/** Ids that the SDK takes for none in `notifications/cancelled`, and what stands for them in the server. */
const STAND_INS: ReadonlyMap<unknown, string> = new Map<unknown, string>([
	[0, "\0number 0"],
	["", "\0empty"],
]);
const REAL_IDS: ReadonlyMap<unknown, RequestId> = new Map<unknown, RequestId>([
	["\0number 0", 0],
	["\0empty", ""],
]);

const CANCELLED = "notifications/cancelled";

/**
 * Keeps ids from the SDK, and from clients that are made with it, which they can't
 * cancel: the client's own that are falsy, and the 0 of the server's first question.
 */
export function withIds(inner: Transport): Transport {
	return through(inner, { inward, outward });
}

/** From the client: its requests have ids of its own, its answers the server's. */
function inward(message: JSONRPCMessage): JSONRPCMessage {
	if (!("method" in message))
		return typeof message.id === "number"
			? { ...message, id: message.id - 1 }
			: message;
	if ("id" in message) {
		const id = STAND_INS.get(message.id);
		return id === undefined ? message : { ...message, id };
	}
	if (message.method !== CANCELLED) return message;
	const requestId = STAND_INS.get(message.params?.requestId);
	return requestId === undefined
		? message
		: { ...message, params: { ...message.params, requestId } };
}

/** To the client: the server's requests are counted from 1. */
function outward(message: JSONRPCMessage): JSONRPCMessage {
	if (!("method" in message)) {
		const id = REAL_IDS.get(message.id);
		return id === undefined ? message : { ...message, id };
	}
	if ("id" in message)
		return typeof message.id === "number"
			? { ...message, id: message.id + 1 }
			: message;
	const requestId = message.params?.requestId;
	return message.method === CANCELLED && typeof requestId === "number"
		? { ...message, params: { ...message.params, requestId: requestId + 1 } }
		: message;
}
