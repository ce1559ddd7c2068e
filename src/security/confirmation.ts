import { ProcessError } from "../errors.ts";

/** What became of a question to the user. */
export type Answer =
	| "approved"
	| "declined"
	| "cancelled"
	| "timed_out"
	/** The client has no way to ask. */
	| "unsupported";

/** Asks the user; what is shown is for a person's eyes, one fact a line. */
export type Ask = (question: string) => Promise<Answer>;

/** What a user has to see of a launch to judge it. */
export interface LaunchShown {
	readonly file: string;
	/** The name by which it is called, which some programs go by. */
	readonly calledAs: string;
	/** The files that it starts, where it is a wrapper. */
	readonly inner: readonly string[];
	readonly args: readonly string[];
	readonly cwd: string;
	/** What the request adds to the environment. */
	readonly env: Readonly<Record<string, string>>;
	/** What it is given to read at once. */
	readonly stdin: string | undefined;
	/** What is started again and again to check it. */
	readonly check: CheckShown | undefined;
	readonly agent: string;
}

type CheckShown = Pick<LaunchShown, "file" | "calledAs" | "inner" | "args">;

/** Characters of a question; nobody reads a longer one, so none is asked. */
const LONGEST_QUESTION = 8000;

/** Counts what a user approved by hand, file by file. */
export class Approvals {
	readonly #counts = new Map<string, number>();

	/** @param autoApproveAfter approvals after which a file is no longer asked about; 0: never */
	constructor(private readonly autoApproveAfter: number) {}

	/** Whether the user approved this file often enough. */
	suffices(file: string): boolean {
		const count = this.#counts.get(file) ?? 0;
		return this.autoApproveAfter > 0 && count >= this.autoApproveAfter;
	}

	add(file: string): void {
		this.#counts.set(file, (this.#counts.get(file) ?? 0) + 1);
	}
}

/** The question about a launch: every argument by itself, nothing left out. */
export function launchQuestion(launch: LaunchShown): string {
	const { file, calledAs, inner, args, cwd, env, stdin, check, agent } = launch;
	const given = [...args, ...(check?.args ?? [])];
	const length = given.reduce((sum, arg) => sum + arg.length, 0);
	// It would not be asked; there is no use in writing it out.
	if (length > LONGEST_QUESTION) return " ".repeat(length);
	return [
		`${visible(agent)} wants to start a program:`,
		`executable: ${visible(file)}`,
		...(calledAs === file ? [] : [`called as: ${visible(calledAs)}`]),
		...inner.map((path) => `which starts: ${visible(path)}`),
		...(args.length === 0 ? ["no arguments"] : []),
		...args.map((arg, index) => `argument ${index + 1}: ${visible(arg)}`),
		`directory: ${visible(cwd)}`,
		...Object.entries(env).map(
			([name, value]) => `environment: ${visible(name)}=${visible(value)}`,
		),
		...(stdin ? [`standard input: ${visible(stdin)}`] : []),
		...(check ? checkLines(check) : []),
	].join("\n");
}

function checkLines({ file, calledAs, inner, args }: CheckShown): string[] {
	return [
		`checked again and again by: ${visible(file)}`,
		...(calledAs === file ? [] : [`check called as: ${visible(calledAs)}`]),
		...inner.map((path) => `check starts: ${visible(path)}`),
		...args.map((arg, index) => `check argument ${index + 1}: ${visible(arg)}`),
	];
}

/** The question about ending a process. */
export function terminationQuestion(
	process: { readonly pid: number; readonly file: string },
	args: readonly string[],
	agent: string,
): string {
	return [
		`${visible(agent)} wants to end process ${process.pid}:`,
		`executable: ${visible(process.file)}`,
		...args.map((arg, index) => `argument ${index + 1}: ${visible(arg)}`),
	].join("\n");
}

/** The question about ending a group: every member by itself. */
export function groupTerminationQuestion(
	group: { readonly id: string; readonly name: string },
	members: readonly {
		readonly pid: number;
		readonly file: string;
		readonly args: readonly string[];
	}[],
	agent: string,
): string {
	return [
		`${visible(agent)} wants to end the ${members.length} processes of group ${group.id} (${visible(group.name)}):`,
		...members.map(
			({ pid, file, args }) =>
				`process ${pid}: ${[file, ...args].map(visible).join(" ")}`,
		),
	].join("\n");
}

/**
 * Asks, and returns when the user has approved.
 *
 * @throws ProcessError CONFIRMATION_DECLINED (declined, cancelled) or
 *   CONFIRMATION_UNAVAILABLE (timed out, unsupported, too long to be shown)
 */
export async function requireApproval(
	ask: Ask | undefined,
	question: string,
): Promise<void> {
	if (question.length > LONGEST_QUESTION) {
		throw new ProcessError(
			"CONFIRMATION_UNAVAILABLE",
			`The user has to confirm this, but it is too long to be shown: ${question.length} characters > ${LONGEST_QUESTION}`,
			"Pass long data through a file or standard input.",
			{ outcome: "too_long" },
		);
	}
	const answer = ask ? await ask(question) : "unsupported";
	if (answer !== "approved") throw refusal(answer);
}

/** The refusal of a launch while the user has enough to answer. */
export function tooManyQuestions(): ProcessError {
	return new ProcessError(
		"CONFIRMATION_UNAVAILABLE",
		"The user has too many questions to answer already",
		"Wait until they are answered.",
		{ outcome: "too_many", layer: "confirmation" },
	);
}

function refusal(answer: Exclude<Answer, "approved">): ProcessError {
	const details = { outcome: answer };
	switch (answer) {
		case "declined":
			return new ProcessError(
				"CONFIRMATION_DECLINED",
				"The user declined",
				"Ask the user what to do instead; don't try the same again.",
				details,
			);
		case "cancelled":
			return new ProcessError(
				"CONFIRMATION_DECLINED",
				"The question was dismissed without an answer",
				"Ask the user whether to try again.",
				details,
			);
		case "timed_out":
			return new ProcessError(
				"CONFIRMATION_UNAVAILABLE",
				"The user did not answer in time",
				"Try again when the user is there.",
				details,
			);
		case "unsupported":
			return new ProcessError(
				"CONFIRMATION_UNAVAILABLE",
				"The user has to confirm this, and this client can't ask",
				"Use a client that supports elicitation; or the user changes requireConfirmation, requireConfirmationFor or requireTerminationConfirmation.",
				details,
			);
	}
}

/**
 * A text as one quoted line in which nothing is invisible: control characters,
 * and those that turn the direction of what follows (CVE-2021-42574), would let
 * an agent show the user something else than what runs.
 */
function visible(text: string): string {
	return JSON.stringify(text.slice(0, LONGEST_QUESTION + 1)).replace(
		/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Default_Ignorable_Code_Point}\u2800\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/gu,
		(character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
	);
}
