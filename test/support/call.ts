import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import type { ProcessManager } from "../../src/process/manager.ts";
import { Groups } from "../../src/supervision/group.ts";
import { Services } from "../../src/supervision/services.ts";
import type { ServedTool } from "../../src/tools/tool.ts";

/** What a call gave: the text that a client shows, parsed, and the structure beside it. */
export interface Reply {
	readonly isError: boolean;
	readonly body: Readonly<Record<string, unknown>>;
	readonly structured: Readonly<Record<string, unknown>> | undefined;
}

/** Takes a result apart; it has exactly one block of text, which is an object. */
export function replyOf({
	content,
	isError,
	structuredContent,
}: CallToolResult): Reply {
	const [block, ...more] = content;
	if (block?.type !== "text" || more.length > 0)
		throw new Error(`not one block of text: ${JSON.stringify(content)}`);
	const body: unknown = JSON.parse(block.text);
	if (typeof body !== "object" || body === null)
		throw new Error(`not an object: ${block.text}`);
	return {
		isError: isError === true,
		body: { ...body },
		structured: structuredContent,
	};
}

/** Calls a tool as the server does, for a client that can't ask its user. */
export async function callTool(
	tool: ServedTool,
	input: unknown,
	manager: ProcessManager,
	services = new Services(manager),
	signal = new AbortController().signal,
): Promise<Reply> {
	const context = {
		manager,
		services,
		groups: new Groups(manager),
		agent: "test",
		ask: undefined,
		signal,
		progress: undefined,
	};
	return replyOf(await tool.call(input, context));
}

/** Calls a tool that has to succeed. */
export async function succeeds(
	...call: Parameters<typeof callTool>
): Promise<Reply["body"]> {
	const { isError, body } = await callTool(...call);
	if (isError) throw new Error(JSON.stringify(body));
	return body;
}
