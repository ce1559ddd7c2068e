import type { CallToolResult, Tool } from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";
import { formatPath } from "../config/document.ts";
import { describeIssue } from "../config/issues.ts";
import { withoutNumberBounds } from "../config/json-schema.ts";
import { diagnose, messageOf, ProcessError, shorten } from "../errors.ts";
import type { ProcessManager } from "../process/manager.ts";
import type { Ask } from "../security/confirmation.ts";
import type { Groups } from "../supervision/group.ts";
import type { Services } from "../supervision/services.ts";
import { sentAs } from "./sent.ts";

/** What a tool may use. */
export interface ToolContext {
	readonly manager: ProcessManager;
	readonly groups: Groups;
	readonly services: Services;
	/** The client's name, as it gave it. */
	readonly agent: string;
	/** Asks the user, where the client can. */
	readonly ask: Ask | undefined;
	/** Aborted when nobody waits for the answer any more: the client cancelled the call, or the server stops. */
	readonly signal: AbortSignal;
	/** Tells the client how far a call is, where it wants to know. */
	readonly progress: Progress | undefined;
}

/** How much of `total` is done, and a line for the user. */
export type Progress = (done: number, total: number, message: string) => void;

/** What a call can do to the world; the annotations follow from it. */
export type ToolKind = "reads" | "notes" | "starts" | "feeds" | "ends";

const ANNOTATIONS: Readonly<Record<ToolKind, Tool["annotations"]>> = {
	reads: {
		readOnlyHint: true,
		destructiveHint: false,
		idempotentHint: true,
		openWorldHint: false,
	},
	notes: {
		readOnlyHint: false,
		destructiveHint: false,
		idempotentHint: false,
		openWorldHint: false,
	},
	starts: {
		readOnlyHint: false,
		destructiveHint: true,
		idempotentHint: false,
		openWorldHint: true,
	},
	feeds: {
		readOnlyHint: false,
		destructiveHint: true,
		idempotentHint: false,
		openWorldHint: true,
	},
	ends: {
		readOnlyHint: false,
		destructiveHint: true,
		idempotentHint: true,
		openWorldHint: false,
	},
};

interface ToolDefinition<I extends z.ZodObject, O extends z.ZodObject> {
	readonly name: string;
	readonly title: string;
	/** Starts with what the tool does. */
	readonly description: string;
	readonly kind: ToolKind;
	readonly input: I;
	/** Fields that it lacks and a model may give it, and what to do instead. */
	readonly elsewhere?: Readonly<Record<string, string>>;
	/** The result without `status`, which every result has. */
	readonly output: O;
	run(
		input: z.output<I>,
		context: ToolContext,
	): Promise<z.input<O>> | z.input<O>;
}

/** A tool as the server offers it. */
export interface ServedTool {
	readonly name: string;
	/** As `tools/list` gives it. */
	readonly listing: () => Tool;
	call(input: unknown, context: ToolContext): Promise<CallToolResult>;
}

/** Makes a tool of its schemas and its function: input is checked, output is checked, errors are told. */
export function defineTool<I extends z.ZodObject, O extends z.ZodObject>(
	definition: ToolDefinition<I, O>,
): ServedTool {
	const { name, title, description, kind, input, elsewhere } = definition;
	const output = definition.output.extend({
		status: z.literal("success").describe("The call did what it was asked."),
	});
	return {
		name,
		listing: () => ({
			name,
			title,
			description,
			annotations: { title, ...ANNOTATIONS[kind] },
			inputSchema: objectSchema(input, "input"),
			outputSchema: objectSchema(output, "output"),
		}),
		async call(raw, context) {
			try {
				const parsed = parseInput(input, raw ?? {}, elsewhere);
				const result = await definition.run(parsed, context);
				return success(output.parse({ status: "success", ...result }));
			} catch (error) {
				return failure(error);
			}
		},
	};
}

/** The result of a call to a tool that is not there. */
export function unknownTool(
	name: unknown,
	known: readonly string[],
): CallToolResult {
	return failure(
		new ProcessError(
			"UNKNOWN_TOOL",
			`Unknown tool: ${JSON.stringify(name)}`,
			`Use one of: ${known.join(", ")}.`,
		),
	);
}

function parseInput<I extends z.ZodObject>(
	schema: I,
	raw: unknown,
	elsewhere: Readonly<Record<string, string>> = {},
): z.output<I> {
	const result = schema.safeParse(raw);
	if (result.success) return result.data;
	const problems = result.error.issues
		.slice(0, MOST_ISSUES)
		.flatMap((issue) => describeIssue(issue, schema))
		.map(({ path, message }) => {
			const [field] = path;
			const isElsewhere =
				path.length === 1 &&
				typeof field === "string" &&
				!Object.hasOwn(schema.shape, field) &&
				Object.hasOwn(elsewhere, field);
			return {
				path,
				message: isElsewhere ? `unknown key; ${elsewhere[field]}` : message,
			};
		});
	const [first] = problems;
	throw new ProcessError(
		"INVALID_ARGUMENT",
		problems
			.map(({ path, message }) =>
				path.length === 0 ? message : `${formatPath(path)}: ${message}`,
			)
			.join("; "),
		"Call again with the field corrected; the tool's input schema says what it takes.",
		first && first.path.length > 0
			? { field: formatPath(first.path) }
			: undefined,
	);
}

/** Complaints that a refusal of bad input holds. */
const MOST_ISSUES = 10;

function success(result: Record<string, unknown>): CallToolResult {
	const text = JSON.stringify(result);
	return sentAs(
		`{"structuredContent":${text},"content":[{"type":"text","text":${JSON.stringify(text)}}]}`,
		{ structuredContent: result, content: [{ type: "text", text }] },
	);
}

function failure(error: unknown): CallToolResult {
	const known =
		error instanceof ProcessError
			? error
			: new ProcessError(
					"INTERNAL_ERROR",
					`Internal error: ${messageOf(error)}`,
					"This is a defect of the server; the call may work in another form.",
				);
	if (known !== error) diagnose(`internal error: ${stackOf(error)}`);
	const { code, message, remediation, details } = known;
	const body = {
		status: "error",
		code,
		message: shorten(message, LONGEST_TEXT),
		remediation: shorten(remediation, LONGEST_TEXT),
		...(details && { details: shortDetails(details) }),
		timestamp: new Date().toISOString(),
	};
	return {
		isError: true,
		content: [{ type: "text", text: JSON.stringify(body) }],
	};
}

function stackOf(error: unknown): string {
	return error instanceof Error
		? (error.stack ?? error.message)
		: String(error);
}

/** Characters of one text of a failure; messages repeat what the model gave, which has no bound. */
const LONGEST_TEXT = 2000;

function shortDetails(details: Readonly<Record<string, unknown>>) {
	return Object.fromEntries(
		Object.entries(details).map(([key, value]) => [
			key,
			typeof value === "string" ? shorten(value, LONGEST_TEXT) : value,
		]),
	);
}

/** A schema in the form in which clients take it: an object at its root, no dialect named. */
function objectSchema(
	schema: z.ZodObject,
	io: "input" | "output",
): Tool["inputSchema"] {
	const { $schema: _, ...rest } = z.toJSONSchema(schema, {
		io,
		override: withoutNumberBounds,
	});
	return { ...rest, type: "object" } as Tool["inputSchema"];
}
