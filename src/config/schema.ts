import * as z from "zod/mini";
import { optional } from "./fields.ts";
import { withoutNumberBounds } from "./json-schema.ts";
import { sections } from "./sections.ts";

/**
 * Every setting, its type, its default and its description. The types, the JSON
 * Schema and the documentation's table are all made from this.
 */
export const configSchema = z.strictObject({
	$schema: optional(z.string(), "For editors; not used."),
	...sections.Executables,
	...sections.Arguments,
	...sections.Environment,
	...sections.Directories,
	...sections.Resources,
	...sections.Processes,
	...sections.Termination,
	...sections["Input and output"],
	...sections.Audit,
	...sections.Confirmation,
	...sections.Time,
	...sections.Isolation,
});

type Frozen<T> = T extends readonly (infer U)[]
	? readonly Frozen<U>[]
	: T extends object
		? { readonly [K in keyof T]: Frozen<T[K]> }
		: T;

/** A policy: read once at start, frozen, changed by nothing after that. */
export type Config = Frozen<z.output<typeof configSchema>>;

/** What a configuration file may hold: every setting is optional. */
export type ConfigInput = z.input<typeof configSchema>;

/** The JSON Schema of the configuration file, for editors and other tools. */
export function configJsonSchema(): Record<string, unknown> {
	return {
		title: "mcp-process configuration",
		...z.toJSONSchema(configSchema, {
			io: "input",
			override: withoutNumberBounds,
		}),
	};
}
