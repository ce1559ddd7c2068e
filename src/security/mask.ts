const MASK = "***";

/** Words whose option always has a value, which may begin with dashes. */
const PASSWORD_WORD = "(?:pass(?:word|wd|phrase|code)?|pwd|secret)";
const SECRET_WORD = `(?:${PASSWORD_WORD}|token|apikey|(?:access|account|api|encryption|master|private|secret|signing)[-_]?key(?:[-_]?base)?|auth(?:orization)?|credentials?|bearer|cookie|session[-_]?id)`;

/**
 * An option such as `--db-password`. What follows it is its value, but an option
 * after one that may have none (`--auth --verbose`).
 */
const PASSWORD_OPTION = `-(?!-?no-)[\\w.-]*${PASSWORD_WORD}`;
const SECRET_OPTION = `-(?!-?no-)[\\w.-]*${SECRET_WORD}`;
const BEFORE_ANYTHING = new RegExp(`^${PASSWORD_OPTION}$`, "i");
const BEFORE_VALUE = new RegExp(`^${SECRET_OPTION}$`, "i");
const OPTION_VALUE = new RegExp(
	`((?<!\\S)(?:${PASSWORD_OPTION}\\s{1,8}|${SECRET_OPTION}\\s{1,8}(?!--)))("[^"]*"?|'[^']*'?|[^\\s"']\\S*)`,
	"gi",
);

/** curl's `-u name:password`; two numbers are ids, as docker's option of that name has them. */
const USER_OPTION = "(?:-[fgikNsSLvI]*[uU]|--(?:proxy-)?user)";
const USER_VALUE = "(?!\\d+:\\d+(?!\\S))(?![A-Za-z]:[\\\\/])[^\\s:\"']*:(?!//)";
const USER_BEFORE = new RegExp(`^${USER_OPTION}$`);
const USER_ARGUMENT = new RegExp(`^(${USER_VALUE})[\\s\\S]+`);
const USER_TEXT = new RegExp(
	`((?<!\\S)${USER_OPTION}[\\s=]{1,8}["']?${USER_VALUE})[^\\s"']+`,
	"g",
);

/**
 * `name=value` or `name: value`, as an option, a variable, a header or a query.
 * Like each pattern here it starts only where a word does, so that its time is
 * linear to the text, which an agent chooses.
 */
const ASSIGNMENT = new RegExp(
	`(?<![\\w.-])([\\w.-]*${SECRET_WORD}["']?\\s{0,8}[=:]\\s{0,8})("(?:[^"\\\\]|\\\\[\\s\\S])*"?|'[^']*'?|(?:(?:bearer|basic|token)\\s{1,8})?[^\\s&;,"']+)`,
	"gi",
);

/** Headers that are secret to their end: that of their quotes, or of their line. */
const HEADER = "[\\w.-]*(?:authorization|cookie):\\s{0,8}";
const QUOTED_HEADER = new RegExp(
	`((["'])${HEADER})(?:(?!\\2)[^\\\\\\r\\n]|\\\\[\\s\\S])+`,
	"gi",
);
const HEADER_LINE = new RegExp(`((?<!["'\\w.-])${HEADER})[^\\r\\n]+`, "gi");

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
	/((?<![a-z0-9+.-])[a-z][a-z0-9+.-]*:\/\/[^\s:/@]*:)[^\s/"']+@/gi;
/** Who logs in to a web server with a name alone does so with a token. */
const URL_TOKEN = /(https?:\/\/)[^\s:/?#@"']+@/gi;
const BEARER = /\b(bearer|basic)\s{1,8}[A-Za-z0-9+/_.=-]{8,}/gi;

/** Masks what looks like a secret in a text, which may be a command line. */
export function maskText(text: string): string {
	return text
		.replace(QUOTED_HEADER, `$1${MASK}`)
		.replace(HEADER_LINE, `$1${MASK}`)
		.replace(ASSIGNMENT, `$1${MASK}`)
		.replace(OPTION_VALUE, `$1${MASK}`)
		.replace(USER_TEXT, `$1${MASK}`)
		.replace(URL_PASSWORD, `$1${MASK}@`)
		.replace(URL_TOKEN, `$1${MASK}@`)
		.replace(BEARER, `$1 ${MASK}`)
		.replace(TOKENS, MASK);
}

/**
 * Masks what looks like a secret in a list of arguments, also where an option
 * (`--token`) and its value are two arguments.
 */
export function maskArguments(args: readonly string[]): string[] {
	return args.map((arg, index) => {
		const before = args[index - 1] ?? "";
		const isSecret = arg.startsWith("--")
			? BEFORE_ANYTHING.test(before)
			: BEFORE_VALUE.test(before);
		if (isSecret) return MASK;
		return USER_BEFORE.test(before) && USER_ARGUMENT.test(arg)
			? arg.replace(USER_ARGUMENT, `$1${MASK}`)
			: maskText(arg);
	});
}
