import { isAbsolute } from "node:path";
import { z } from "zod";

// The schema validator may not compile code from strings: the executable
// forbids that, so that no option of the runtime can make it run a script.
z.config({ jitless: true });

/** A file or folder named from the root, so that it means the same wherever the server was started. */
export const absolutePath = z
	.string()
	.refine((path) => isAbsolute(path), "must be an absolute path");

/** A regular expression in RE2 syntax: it matches in time linear to the text. */
export const pattern = z.string().min(1).max(4096);

const count = z.number().int().min(1);

/** Limits of a process tree. `maxFileDescriptors` alone holds for each process by itself. */
export const resourceLimits = z.strictObject({
	maxCpuPercent: z
		.number()
		.positive()
		.optional()
		.describe("CPU share of the whole tree in percent; 100 is one core."),
	maxMemoryMB: z
		.number()
		.positive()
		.optional()
		.describe("Memory of the whole tree in MB (2^20 bytes)."),
	maxFileDescriptors: count
		.optional()
		.describe("Open file descriptors of each process."),
	maxCpuTime: z
		.number()
		.positive()
		.optional()
		.describe("CPU seconds (not wall time) of the whole tree."),
	maxProcesses: count
		.optional()
		.describe("Processes that the tree may hold at one time."),
});

export type ResourceLimits = z.output<typeof resourceLimits>;

export const argumentValidation = z.enum(["strict", "literal"]);

export type ArgumentValidation = z.output<typeof argumentValidation>;

/** A bare name, an absolute path, or a glob over absolute paths. */
export const executablePattern = z
	.string()
	.min(1)
	.refine(
		(text) => !/[\\/]/.test(text) || isAbsolute(text),
		"must be a bare name (node), an absolute path (/usr/bin/node) or a glob over absolute paths (/opt/tools/*)",
	)
	.refine(
		(text) => /[\\/]/.test(text) || !/[*?[\]{}]/.test(text),
		"is a glob without a directory; write one over absolute paths (/usr/bin/py*)",
	);

export const executableRule = z.strictObject({
	executable: executablePattern.describe(
		"What this rule is for: a bare name, an absolute path, or a glob over absolute paths.",
	),
	allowedArguments: z
		.array(pattern)
		.optional()
		.describe(
			"Regular expressions (RE2); every argument must match one of them as a whole.",
		),
	blockedArguments: z
		.array(pattern)
		.optional()
		.describe(
			"Regular expressions (RE2); an argument in which one is found is refused.",
		),
	argumentValidation: argumentValidation
		.optional()
		.describe("Takes the place of the general argumentValidation."),
	env: z
		.record(z.string(), z.string())
		.optional()
		.describe(
			"Environment variables that this executable always gets; they win over a request's.",
		),
	resourceLimits: resourceLimits
		.optional()
		.describe("Limits of this executable, in place of the default ones."),
	requireConfirmation: z
		.boolean()
		.optional()
		.describe("Ask the user before each launch of this executable."),
});

export const allowlistEntry = z.union([executablePattern, executableRule], {
	error: "must be a name, a path, a glob, or an object with an executable",
});

/** A list, empty unless it is given. */
export function listOf<T extends z.ZodType>(item: T) {
	return z.array(item).prefault([]);
}

/** A whole number of at least `min`, with its default. */
export function wholeNumber(fallback: number, min = 1) {
	return z.number().int().min(min).default(fallback);
}
