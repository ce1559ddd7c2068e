import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";

/** The SDK checks the rest; what it would drop without an answer is refused here. */
export function isMessage(value: unknown): value is JSONRPCMessage {
	if (!isPlainObject(value) || value.jsonrpc !== "2.0") return false;
	if (Object.keys(value).some((key) => !MEMBERS.has(key))) return false;
	if ("id" in value && !isId(value.id)) return false;
	if ("params" in value && !areParams(value.params)) return false;
	const isAnswer = "result" in value || "error" in value;
	if ("method" in value) return typeof value.method === "string" && !isAnswer;
	return "id" in value && isAnswer;
}

const MEMBERS = new Set([
	"jsonrpc",
	"id",
	"method",
	"params",
	"result",
	"error",
]);
/** Of `_meta`: the task that a message belongs to. */
const RELATED_TASK = "io.modelcontextprotocol/related-task";

function areParams(params: unknown): boolean {
	if (!isPlainObject(params)) return false;
	if (!("_meta" in params)) return true;
	const meta = params._meta;
	if (!isPlainObject(meta)) return false;
	if ("progressToken" in meta && !isId(meta.progressToken)) return false;
	if (!(RELATED_TASK in meta)) return true;
	const task = meta[RELATED_TASK];
	return isPlainObject(task) && typeof task.taskId === "string";
}

export function isId(id: unknown): id is string | number {
	return typeof id === "string" || Number.isSafeInteger(id);
}

export function isPlainObject(
	value: unknown,
): value is Record<string, unknown> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The id that an answer to something malformed can carry. */
export function idOf(value: unknown): string | number | null {
	const hasId = typeof value === "object" && value !== null && "id" in value;
	return hasId && isId(value.id) ? value.id : null;
}
