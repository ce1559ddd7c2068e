import { shorten } from "../errors.ts";
import { maskArguments, maskText } from "./mask.ts";
import { quote } from "./quote.ts";

export const AUDIT_LEVELS = ["error", "warn", "info", "debug"] as const;
export type AuditLevel = (typeof AUDIT_LEVELS)[number];

/** What a level leaves out of what the contract has on record. */
export const LEFT_OUT: Readonly<Record<AuditLevel, string | undefined>> = {
	error: "launches, refusals, input, limits and ends",
	warn: "launches, input and ends other than crashes",
	info: undefined,
	debug: undefined,
};

/** What happened, before time, place in the chain and masking are added. */
export interface AuditEvent {
	readonly level: AuditLevel;
	readonly operation: string;
	readonly executable?: string | undefined;
	readonly args?: readonly string[] | undefined;
	readonly cwd?: string | undefined;
	readonly pid?: number | undefined;
	readonly agent?: string | undefined;
	readonly result: string;
	readonly reason?: string | undefined;
	/** Bytes, for a write to standard input; its content is never recorded. */
	readonly bytes?: number | undefined;
}

/** Paths as they are recorded: most records are of a few programs in a few folders. */
const paths = new Map<string, string>();
const MOST_PATHS = 100;

function maskedPath(path: string): string {
	const known = paths.get(path);
	if (known !== undefined) return known;
	const shown = maskText(cut(path));
	if (path.length > LONGEST_TEXT) return shown;
	if (paths.size >= MOST_PATHS) paths.clear();
	paths.set(path, shown);
	return shown;
}

/** The event's fields in the log's order, without what must not be kept. */
export function masked(event: AuditEvent): AuditEvent {
	const { level, operation, executable, args, cwd, pid, agent } = event;
	const { result, reason, bytes } = event;
	const fewer = (args ?? []).slice(0, MOST_ARGUMENTS).map(cut);
	return {
		level,
		operation,
		executable: executable && maskedPath(executable),
		args: args && shortened(maskArguments(fewer), args.length),
		cwd: cwd && maskedPath(cwd),
		pid,
		agent: agent && cut(agent),
		result,
		reason:
			reason && cut(maskReason(cut(reason), fewer, cut(executable ?? ""))),
		bytes,
	};
}

/** Bytes, as written, of one text, and arguments, that a record holds; what is more is counted. */
const LONGEST_TEXT = 512;
const MOST_ARGUMENTS = 50;
/** Bytes of all arguments of a record: an agent must not be able to push older records out of the log. */
const LONGEST_ARGUMENTS = 2048;

function cut(text: string): string {
	// Mostly each character is a byte.
	const head = text.slice(0, LONGEST_TEXT);
	if (bytesOf(head) <= LONGEST_TEXT) return shorten(text, LONGEST_TEXT);
	let room = LONGEST_TEXT;
	let end = 0;
	for (const character of text) {
		room -= bytesOf(character);
		if (room < 0) break;
		end += character.length;
	}
	return shorten(text, end);
}

/** What a text takes in a record: six bytes for a control character. */
function bytesOf(text: string): number {
	return Buffer.byteLength(JSON.stringify(text)) - 2;
}

/** The first of the arguments that fit, and how many are missing. */
function shortened(args: readonly string[], count: number): readonly string[] {
	let room = LONGEST_ARGUMENTS;
	const shown = args.filter((arg) => {
		room -= bytesOf(arg) + 3;
		return room >= 0;
	});
	const more = count - shown.length;
	return more > 0 ? [...shown, `... (${more} more)`] : shown;
}

/** A reason may quote an argument or the executable, which is then masked as it is there. */
function maskReason(
	reason: string,
	args: readonly string[],
	executable: string,
): string {
	const shown = [...maskArguments(args), maskText(executable)];
	const forms = new Map<string, string>();
	for (const [at, text] of [...args, executable].entries()) {
		const masked = shown[at] ?? text;
		if (masked === text) continue;
		forms.set(text, masked).set(quote(text), quote(masked));
	}
	if (forms.size === 0) return maskText(reason);
	// In one pass, the longest first: what was put in is not looked at again.
	const longestFirst = [...forms.keys()]
		.sort((a, b) => b.length - a.length)
		.map((form) => RegExp.escape(form));
	const secret = new RegExp(longestFirst.join("|"), "g");
	return maskText(reason.replace(secret, (found) => forms.get(found) ?? "***"));
}
