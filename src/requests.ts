import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import {
	ErrorCode,
	type JSONRPCMessage,
	type JSONRPCRequest,
	type RequestId,
} from "@modelcontextprotocol/sdk/types.js";
import { messageOf } from "./errors.ts";
import { through } from "./passage.ts";

/** What a request comes with. */
export interface Call {
	readonly params: JSONRPCRequest["params"];
	/** Aborted when the client cancels the request; nothing is answered then. */
	readonly signal: AbortSignal;
	/** Tells the client of something on the way; of a request that was cancelled, nothing. */
	notify(method: string, params: Record<string, unknown>): void;
}

/** Answers the requests of one method. */
export type Handler = (call: Call) => Promise<Record<string, unknown>>;

/**
 * A transport whose requests of some methods are answered here, ahead of whoever is
 * connected to it: the SDK parses each message as every kind that it is not before it
 * comes to the one that it is, which takes longer than most of what agents ask for.
 */
export function answering(
	inner: Transport,
	handlers: ReadonlyMap<string, Handler>,
): Transport {
	const open = new Map<RequestId, AbortController>();
	const answer = async (
		{ id, params }: JSONRPCRequest,
		handler: Handler,
	): Promise<void> => {
		const controller = new AbortController();
		const { signal } = controller;
		open.set(id, controller);
		const notify: Call["notify"] = (method, params) => {
			if (!signal.aborted) void inner.send({ jsonrpc: "2.0", method, params });
		};
		const outcome = await handler({ params, signal, notify }).then(
			(result) => ({ result }),
			(error: unknown) => ({
				error: { code: ErrorCode.InternalError, message: messageOf(error) },
			}),
		);
		// Another one may have come by the same id.
		if (open.get(id) === controller) open.delete(id);
		if (!signal.aborted) await inner.send({ jsonrpc: "2.0", id, ...outcome });
	};
	/** Whether it was about a request that is answered here. */
	const isTaken = (message: JSONRPCMessage): boolean => {
		if (!("method" in message)) return false;
		if ("id" in message) {
			const handler = handlers.get(message.method);
			if (handler) void answer(message, handler);
			return handler !== undefined;
		}
		if (message.method !== "notifications/cancelled") return false;
		const controller = open.get(message.params?.requestId as RequestId);
		controller?.abort();
		return controller !== undefined;
	};
	return through(inner, {
		inward: (message) => (isTaken(message) ? undefined : message),
	});
}
