import type { ArgumentValidation } from "../config/fields.ts";
import { shorten, violation } from "../errors.ts";
import type { Pattern } from "./pattern.ts";
import { quote } from "./quote.ts";

/** What arguments are held to. */
export interface ArgumentPolicy {
	readonly validation: ArgumentValidation;
	readonly maxCount: number;
	/** Bytes of one argument. */
	readonly maxLength: number;
	/** An argument in which one is found is refused. */
	readonly blocked: readonly Pattern[];
	/** When set, each argument must match one as a whole. */
	readonly allowed?: readonly Pattern[] | undefined;
	/** The file is a Windows batch file, so cmd.exe reads the arguments again. */
	readonly batchFile: boolean;
}

/** Characters of all arguments: what Linux takes by default (execve(2)). */
const MAX_BLOCK = 2 * 2 ** 20;

/** Characters of the patterns that a refusal lists. */
const LONGEST_LIST = 500;

const METACHARACTERS: readonly (readonly [string, string])[] = [
	["$(", "$("],
	["`", "a backtick"],
	["|", "|"],
	[";", ";"],
	["&", "&"],
	["\n", "a newline"],
];

/** What cmd.exe interprets, in quotes or out of them (CVE-2024-24576, "BatBadBut"). */
const BATCH_SPECIAL = /[\r\n"%!&|<>^()'`,;=]/;

/**
 * Holds a launch's arguments against the policy.
 *
 * @throws ProcessError SECURITY_VIOLATION: argument_limit, argument_injection,
 *   argument_traversal or argument_blocked
 */
export function checkArguments(
	args: readonly string[],
	policy: ArgumentPolicy,
): void {
	if (args.length > policy.maxCount) {
		throw violation(
			"argument_limit",
			`Too many arguments: ${args.length} > ${policy.maxCount} (maxArgumentCount)`,
			"Pass fewer arguments, for example through a file or standard input; or the user raises maxArgumentCount.",
			{ key: "maxArgumentCount" },
		);
	}
	const total = args.reduce((sum, arg) => sum + arg.length, 0);
	if (total > MAX_BLOCK) {
		throw violation(
			"argument_limit",
			`Arguments too long: ${total} characters > ${MAX_BLOCK}`,
			"Pass long data through a file or standard input.",
		);
	}
	for (const [index, arg] of args.entries()) checkOne(arg, index, policy);
}

function checkOne(arg: string, index: number, policy: ArgumentPolicy): void {
	const shown = `args[${index}] ${quote(arg)}`;
	const bytes = Buffer.byteLength(arg);
	if (bytes > policy.maxLength) {
		throw violation(
			"argument_limit",
			`Argument too long: args[${index}] has ${bytes} bytes > ${policy.maxLength} (maxArgumentLength)`,
			"Pass long data through a file or standard input; or the user raises maxArgumentLength.",
			{ index, key: "maxArgumentLength" },
		);
	}
	if (arg.includes("\0")) {
		throw violation(
			"argument_injection",
			`Argument contains suspicious characters: ${shown} holds a NUL byte, at which the system would cut it`,
			"Remove the NUL byte.",
			{ index },
		);
	}
	if (policy.validation === "strict") checkStrict(arg, index, shown);
	const special = policy.batchFile ? BATCH_SPECIAL.exec(arg)?.[0] : undefined;
	if (special !== undefined) {
		throw violation(
			"argument_injection",
			`Argument contains suspicious characters: ${shown} holds ${JSON.stringify(special)}, which cmd.exe interprets in the arguments of a batch file`,
			"Start the program behind the batch file itself, or pass the value through a file or standard input.",
			{ index },
		);
	}
	const hit = policy.blocked.find((pattern) => pattern.isFoundIn(arg));
	if (hit) {
		throw violation(
			"argument_blocked",
			`Argument is blocked: ${shown} matches ${JSON.stringify(hit.source)} (${hit.key})`,
			`Leave the argument out; or the user changes ${hit.key}.`,
			{ index, key: hit.key },
		);
	}
	const { allowed } = policy;
	if (allowed && !allowed.some((pattern) => pattern.isWhole(arg))) {
		throw violation(
			"argument_blocked",
			`Argument is not allowed: ${shown} matches none of this executable's allowedArguments`,
			allowed.length === 0
				? "The rule allows no arguments: leave them out; or the user adds a pattern to allowedArguments."
				: `Use arguments that match one of these as a whole: ${shorten(allowed.map(({ source }) => quote(source)).join(", "), LONGEST_LIST)}; or the user adds a pattern to allowedArguments.`,
			{ index, key: "allowedArguments" },
		);
	}
}

function checkStrict(arg: string, index: number, shown: string): void {
	const relax =
		'No shell reads the arguments, so if the value is meant, the user can set argumentValidation to "literal", for all or for this executable; else pass it through a file or standard input.';
	const found = METACHARACTERS.find(([text]) => arg.includes(text));
	if (found) {
		throw violation(
			"argument_injection",
			`Argument contains suspicious characters: ${shown} holds ${found[1]} (argumentValidation is "strict")`,
			relax,
			{ index, key: "argumentValidation" },
		);
	}
	const traversal = ["../", "..\\"].find((text) => arg.includes(text));
	if (traversal) {
		throw violation(
			"argument_traversal",
			`Argument contains path traversal: ${shown} holds ${traversal} (argumentValidation is "strict")`,
			`Use an absolute path. ${relax}`,
			{ index, key: "argumentValidation" },
		);
	}
}
