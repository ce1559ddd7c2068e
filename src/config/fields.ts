import { isAbsolute } from "node:path";
import { en } from "zod/locales";
// This form of the library, functions instead of methods, is made in a fraction of
// the time that the other one takes, which the start of a server would be waiting for.
import * as z from "zod/mini";

z.config({
	...en(),
	// The schema validator may not compile code from strings: the executable
	// forbids that, so that no option of the runtime can make it run a script.
	jitless: true,
});

/** A schema, not to be one that stands elsewhere too, with its description. */
function described<T extends z.core.$ZodType>(
	schema: T,
	description: string,
): T {
	z.globalRegistry.add(schema, { description });
	return schema;
}

/** What may be left out. */
export function optional<T extends z.core.SomeType>(
	schema: T,
	description: string,
) {
	return described(z.optional(schema), description);
}

/** What has a value of its own where it is left out. */
export function withDefault<T extends z.core.SomeType>(
	schema: T,
	fallback: z.core.util.NoUndefined<z.output<T>>,
	description: string,
) {
	return described(z._default(schema, fallback), description);
}

/** Yes or no, with its default. */
export function flag(fallback: boolean, description: string) {
	return withDefault(z.boolean(), fallback, description);
}

/** A list, empty unless it is given. */
export function listOf<T extends z.core.SomeType>(
	item: T,
	description: string,
) {
	return described(z.prefault(z.array(item), []), description);
}

/** A whole number of at least `min`, with its default. */
export function wholeNumber(
	fallback: number,
	min: number,
	description: string,
) {
	return withDefault(z.int().check(z.gte(min)), fallback, description);
}

/** A file or folder named from the root, so that it means the same wherever the server was started. */
export const absolutePath = z
	.string()
	.check(z.refine((path) => isAbsolute(path), "must be an absolute path"));

/** A regular expression in RE2 syntax: it matches in time linear to the text. */
export const pattern = z.string().check(z.minLength(1), z.maxLength(4096));

/** What is called something. */
export const name = z.string().check(z.minLength(1));

export const count = z.int().check(z.gte(1));

export const positive = z.number().check(z.positive());

/** Limits of a process tree. `maxFileDescriptors` alone holds for each process by itself. */
export const resourceLimits = z.strictObject({
	maxCpuPercent: optional(
		positive,
		"CPU share of the whole tree in percent; 100 is one core.",
	),
	maxMemoryMB: optional(
		positive,
		"Memory of the whole tree in MB (2^20 bytes).",
	),
	maxFileDescriptors: optional(count, "Open file descriptors of each process."),
	maxCpuTime: optional(
		positive,
		"CPU seconds (not wall time) of the whole tree.",
	),
	maxProcesses: optional(
		count,
		"Processes that the tree may hold at one time.",
	),
});

export type ResourceLimits = z.output<typeof resourceLimits>;

/** Limits for a general purpose, none unless they are given. */
export function limitsFor(description: string) {
	return described(z.prefault(resourceLimits, {}), description);
}

export const argumentValidation = z.enum(["strict", "literal"]);

export type ArgumentValidation = z.output<typeof argumentValidation>;

/** A bare name, an absolute path, or a glob over absolute paths. */
export const executablePattern = name.check(
	z.refine(
		(text) => !/[\\/]/.test(text) || isAbsolute(text),
		"must be a bare name (node), an absolute path (/usr/bin/node) or a glob over absolute paths (/opt/tools/*)",
	),
	z.refine(
		(text) => /[\\/]/.test(text) || !/[*?[\]{}]/.test(text),
		"is a glob without a directory; write one over absolute paths (/usr/bin/py*)",
	),
);

export const executableRule = z.strictObject({
	executable: described(
		z.clone(executablePattern),
		"What this rule is for: a bare name, an absolute path, or a glob over absolute paths.",
	),
	allowedArguments: optional(
		z.array(pattern),
		"Regular expressions (RE2); every argument must match one of them as a whole.",
	),
	blockedArguments: optional(
		z.array(pattern),
		"Regular expressions (RE2); an argument in which one is found is refused.",
	),
	argumentValidation: optional(
		argumentValidation,
		"Takes the place of the general argumentValidation.",
	),
	env: optional(
		z.record(z.string(), z.string()),
		"Environment variables that this executable always gets; they win over a request's.",
	),
	resourceLimits: optional(
		resourceLimits,
		"Limits of this executable, in place of the default ones.",
	),
	requireConfirmation: optional(
		z.boolean(),
		"Ask the user before each launch of this executable.",
	),
});

export const allowlistEntry = z.union([executablePattern, executableRule], {
	error: "must be a name, a path, a glob, or an object with an executable",
});
