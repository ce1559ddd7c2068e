import type { Config } from "../config/schema.ts";
import { shorten, violation } from "../errors.ts";
import { CODE, HARMLESS } from "./code-variables.ts";

export type Environment = Readonly<Record<string, string>>;

const WINDOWS = process.platform === "win32";

/** Bytes of one variable's value, and of all that a request gives (names and values). */
const MAX_VALUE_BYTES = 4096;
const MAX_BLOCK_BYTES = 65536;

const MINIMAL = ["HOME", "USER", "LOGNAME", "LANG", "LC_*", "TZ"];
const MINIMAL_POSIX = [...MINIMAL, "TMPDIR", "TERM", "SHELL"];

/** What programs on Windows need to start and to find the user's folders. */
const MINIMAL_WINDOWS = [
	...MINIMAL,
	...["SystemRoot", "SystemDrive", "windir", "ComSpec", "PATHEXT", "OS"],
	...["TEMP", "TMP", "USERNAME", "USERDOMAIN", "USERPROFILE"],
	...["HOMEDRIVE", "HOMEPATH", "APPDATA", "LOCALAPPDATA", "ProgramData"],
	...["ProgramFiles", "ProgramFiles(x86)", "ProgramW6432"],
	...["CommonProgramFiles", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE"],
	...["COMPUTERNAME", "TERM", "SHELL"],
];

/** What a child is given, and what was left out of a request. */
export interface BuiltEnvironment {
	readonly env: Environment;
	readonly warnings: readonly string[];
}

/** What of the server's environment every child has, but for PATH. */
export function inheritedEnvironment(
	{ inheritEnv }: Pick<Config, "inheritEnv">,
	server: Environment,
): Environment {
	const names = inheritEnv === "minimal" ? minimal() : inheritEnv;
	return Object.fromEntries(
		Object.entries(server).filter(([name]) => matchesAny(name, names)),
	);
}

/**
 * Builds a child's environment from nothing: what it inherits, then the
 * request's own, then the executable's rule, then PATH, which is the server's.
 *
 * @throws ProcessError SECURITY_VIOLATION: env_var_injection or env_var_limit
 */
export function buildEnvironment(
	requested: Environment,
	rule: Environment,
	config: Pick<
		Config,
		"allowedEnvVars" | "additionalBlockedEnvVars" | "maxEnvVarCount"
	>,
	server: { readonly inherited: Environment; readonly path: string },
): BuiltEnvironment {
	checkLimits(requested, config.maxEnvVarCount);
	// Without a prototype, as __proto__ is a name like any other.
	const env: Record<string, string> = Object.assign(
		Object.create(null),
		server.inherited,
	);
	const warnings: string[] = [];
	for (const [name, value] of Object.entries(requested)) {
		checkVariable(name, value, config.allowedEnvVars);
		const reason = removalReason(name, config.additionalBlockedEnvVars);
		if (reason) warnings.push(`env ${name} was removed: ${reason}`);
		else assign(env, name, value);
	}
	for (const [name, value] of Object.entries(rule)) assign(env, name, value);
	assign(env, "PATH", server.path);
	return { env, warnings };
}

/** Whether a variable makes programs load code, whatever the configuration says. */
export function isCodeVariable(name: string): boolean {
	return matchesAny(name, CODE, true) && !matchesAny(name, HARMLESS, true);
}

function minimal(): readonly string[] {
	return WINDOWS ? MINIMAL_WINDOWS : MINIMAL_POSIX;
}

/** Why a request may not give a variable; undefined where it may. */
export function removalReason(
	name: string,
	additional: readonly string[],
): string | undefined {
	if (isCodeVariable(name))
		return "it can make a program load or run something else";
	if (matchesAny(name, additional, true))
		return "additionalBlockedEnvVars of the configuration names it";
	return undefined;
}

/** Sets a variable in place of one of the same name, which on Windows has no case. */
function assign(env: Record<string, string>, name: string, value: string) {
	const twin = WINDOWS
		? Object.keys(env).find((key) => key.toUpperCase() === name.toUpperCase())
		: undefined;
	if (twin !== undefined) delete env[twin];
	env[name] = value;
}

/** Matches names against a list in which a trailing `*` stands for any rest. */
function matchesAny(
	name: string,
	list: readonly string[],
	caseless = WINDOWS,
): boolean {
	const fold = (text: string) => (caseless ? text.toUpperCase() : text);
	const folded = fold(name);
	return list.some((entry) =>
		entry.endsWith("*")
			? folded.startsWith(fold(entry.slice(0, -1)))
			: folded === fold(entry),
	);
}

function checkLimits(requested: Environment, maxCount: number): void {
	const entries = Object.entries(requested);
	if (entries.length > maxCount) {
		throw violation(
			"env_var_limit",
			`Too many environment variables: ${entries.length} > ${maxCount} (maxEnvVarCount)`,
			"Give fewer variables; or the user raises maxEnvVarCount.",
			{ key: "maxEnvVarCount" },
		);
	}
	let block = 0;
	for (const [name, value] of entries) {
		const bytes = Buffer.byteLength(value);
		if (bytes > MAX_VALUE_BYTES) {
			throw violation(
				"env_var_limit",
				`Environment variable too long: ${name} has ${bytes} bytes > ${MAX_VALUE_BYTES}`,
				"Pass long values through a file or standard input.",
				{ name },
			);
		}
		block += Buffer.byteLength(name) + bytes + 2;
	}
	if (block > MAX_BLOCK_BYTES) {
		throw violation(
			"env_var_limit",
			`Environment too large: ${block} bytes > ${MAX_BLOCK_BYTES}`,
			"Give fewer or shorter variables.",
		);
	}
}

const FORBIDDEN_IN_VALUE: readonly (readonly [string, string])[] = [
	["\0", "a NUL byte"],
	["$(", "$("],
	["`", "a backtick"],
	["\n", "a newline"],
];

function checkVariable(
	name: string,
	value: string,
	allowed: readonly string[] | undefined,
): void {
	if (name === "" || /[=\0]/.test(name)) {
		throw violation(
			"env_var_injection",
			`Invalid environment variable name: ${JSON.stringify(name)}`,
			"A name has at least one character and neither = nor NUL.",
			{ name },
		);
	}
	const found = FORBIDDEN_IN_VALUE.find(([text]) => value.includes(text));
	if (found) {
		throw violation(
			"env_var_injection",
			`Environment variable ${name} holds ${found[1]}`,
			"Pass such a value through a file or standard input.",
			{ name },
		);
	}
	if (allowed && !isCodeVariable(name) && !matchesAny(name, allowed)) {
		throw violation(
			"env_var_injection",
			`Environment variable ${name} is not in allowedEnvVars`,
			allowed.length === 0
				? "A request may set no variable: leave it out; or the user adds it to allowedEnvVars."
				: `Leave it out, as a request may set only ${shorten(allowed.join(", "), 500)}; or the user adds it to allowedEnvVars.`,
			{ name, key: "allowedEnvVars" },
		);
	}
}
