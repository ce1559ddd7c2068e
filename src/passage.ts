import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";

/** What a message becomes on its way; undefined: it goes no further. */
type Passage = (message: JSONRPCMessage) => JSONRPCMessage | undefined;

const unchanged: Passage = (message) => message;

/** A transport through which messages pass as they do through another one, but for what becomes of them on the way. */
export function through(
	inner: Transport,
	{
		inward = unchanged,
		outward = unchanged,
	}: { readonly inward?: Passage; readonly outward?: Passage },
): Transport {
	const outer: Transport = {
		start() {
			inner.onmessage = (message, extra) => {
				const passed = inward(message);
				if (passed) outer.onmessage?.(passed, extra);
			};
			inner.onclose = () => outer.onclose?.();
			inner.onerror = (error) => outer.onerror?.(error);
			return inner.start();
		},
		async send(message, options) {
			const passed = outward(message);
			if (passed) await inner.send(passed, options);
		},
		close: () => inner.close(),
	};
	return outer;
}
