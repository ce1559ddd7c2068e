const MASK = "***";

const SECRET_WORD =
	"(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|api[-_]?key|apikey|access[-_]?key|private[-_]?key|client[-_]?secret|auth(?:orization)?|credentials?|bearer|cookie|session[-_]?id)";

/** A name such as `--db-password` or `GITHUB_TOKEN`. */
const SECRET_NAME = new RegExp(`${SECRET_WORD}$`, "i");

/**
 * `name=value` or `name: value`, as an option, a variable, a header or a query.
 * Like each pattern here it starts only where a word does, so that its time is
 * linear to the text, which an agent chooses.
 */
const ASSIGNMENT = new RegExp(
	`(?<![\\w.-])([\\w.-]*${SECRET_WORD}["']?\\s{0,8}[=:]\\s{0,8})("[^"]*"?|'[^']*'?|(?:(?:bearer|basic|token)\\s{1,8})?[^\\s&;,"']+)`,
	"gi",
);

/** Values that are secrets by their own form, wherever they stand. */
const TOKENS = new RegExp(
	[
		"\\b(?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{16,}",
		"\\bgithub_pat_\\w{20,}",
		"\\bglpat-[\\w-]{16,}",
		"\\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}",
		"\\b(?:AKIA|ASIA)[A-Z0-9]{16}\\b",
		"\\bxox[abeoprs]-[\\w-]{10,}",
		"\\bAIza[\\w-]{30,}",
		"\\bnpm_[A-Za-z0-9]{30,}",
		"(?<![\\w-])eyJ[\\w-]{8,}\\.[\\w-]{8,}\\.[\\w-]*",
		"-----BEGIN [A-Z ]*PRIVATE KEY-----[\\s\\S]*",
	].join("|"),
	"g",
);

const URL_PASSWORD =
	/((?<![a-z0-9+.-])[a-z][a-z0-9+.-]*:\/\/[^\s:/@]*:)[^\s@/]+@/gi;
const BEARER = /\b(bearer|basic)\s{1,8}[A-Za-z0-9+/_.=-]{8,}/gi;

/** Masks what looks like a secret in a text. */
export function maskText(text: string): string {
	return text
		.replace(ASSIGNMENT, `$1${MASK}`)
		.replace(URL_PASSWORD, `$1${MASK}@`)
		.replace(BEARER, `$1 ${MASK}`)
		.replace(TOKENS, MASK);
}

/**
 * Masks what looks like a secret in a list of arguments, also where an option
 * (`--token`) and its value are two arguments.
 */
export function maskArguments(args: readonly string[]): string[] {
	return args.map((arg, index) => {
		const before = args[index - 1];
		const isValue =
			before?.startsWith("-") &&
			!before.includes("=") &&
			SECRET_NAME.test(before) &&
			!arg.startsWith("--");
		return isValue ? MASK : maskText(arg);
	});
}
