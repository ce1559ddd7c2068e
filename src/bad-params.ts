import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import {
	ErrorCode,
	type JSONRPCMessage,
} from "@modelcontextprotocol/sdk/types.js";
import * as z from "zod/mini";
import { formatPath } from "./config/document.ts";
import { shorten } from "./errors.ts";
import { through } from "./passage.ts";

const LONGEST_MESSAGE = 500;

/** What the SDK's validator says of a request whose params are wrong. */
const complaints = z.array(
	z.object({
		path: z.tuple([z.literal("params")], z.union([z.string(), z.number()])),
		message: z.string(),
	}),
);

/**
 * Has wrong params of a request called so, on one line: the SDK answers them as an
 * error of the server's own, with all that its validator knows.
 */
export function withBadParams(inner: Transport): Transport {
	return through(inner, { outward });
}

function outward(message: JSONRPCMessage): JSONRPCMessage {
	if (!("error" in message) || message.error.code !== ErrorCode.InternalError)
		return message;
	const found = complaintsIn(message.error.message);
	if (!found) return message;
	const text = found
		.map(({ path: [, ...place], message }) => {
			const problem = message.replace(/^Invalid (?:input|option): /, "");
			return place.length === 0 ? problem : `${formatPath(place)}: ${problem}`;
		})
		.join("; ");
	const error = {
		code: ErrorCode.InvalidParams,
		message: shorten(`Invalid params: ${text}`, LONGEST_MESSAGE),
	};
	return { ...message, error };
}

function complaintsIn(text: string) {
	try {
		return complaints.parse(JSON.parse(text));
	} catch {
		return undefined;
	}
}
