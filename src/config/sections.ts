import * as z from "zod/mini";
import {
	absolutePath,
	allowlistEntry,
	argumentValidation,
	count,
	executablePattern,
	flag,
	limitsFor,
	listOf,
	name,
	optional,
	pattern,
	positive,
	wholeNumber,
	withDefault,
} from "./fields.ts";

const executables = {
	allowedExecutables: listOf(
		allowlistEntry,
		"What may be started: bare names (the file that the server's own PATH gives), absolute paths, globs over absolute paths, or objects that add rules for one executable. Empty: nothing may run.",
	),
	additionalBlockedExecutables: listOf(
		name,
		"Base names that are blocked besides the built-in ones.",
	),
	blockShellInterpreters: flag(
		true,
		"Refuse shells, and judge programs that start another one (env, xargs, nice …) by that other one.",
	),
	blockSetuidExecutables: flag(
		true,
		"Refuse files that are setuid, setgid or have capabilities.",
	),
};

const argumentsSection = {
	argumentValidation: withDefault(
		argumentValidation,
		"strict",
		"strict: refuse arguments with shell metacharacters or path traversal. literal: pass any argument without NUL; no shell ever sees it.",
	),
	maxArgumentCount: wholeNumber(1000, 0, "Arguments of one launch."),
	maxArgumentLength: wholeNumber(32768, 1, "Bytes of one argument."),
	blockedArgumentPatterns: listOf(
		pattern,
		"Regular expressions (RE2); an argument in which one is found is refused.",
	),
};

const environment = {
	inheritEnv: withDefault(
		z.union([z.literal("minimal"), z.array(name)], {
			error: 'must be "minimal" or a list of names',
		}),
		"minimal",
		'"minimal": HOME, USER, LOGNAME, LANG, LC_*, TZ, TMPDIR, TERM, SHELL and, on Windows, what programs need to start. Or a list of names. PATH is always the server\'s own.',
	),
	allowedEnvVars: optional(
		z.array(name),
		"When set, the only names that a request may give.",
	),
	additionalBlockedEnvVars: listOf(
		name,
		"Names that are removed from a request, besides the built-in ones.",
	),
	maxEnvVarCount: wholeNumber(100, 0, "Environment variables of one request."),
};

const directories = {
	allowedWorkingDirectories: listOf(
		absolutePath,
		"Directories in which, and below which, processes may run. Empty: any.",
	),
	blockedWorkingDirectories: listOf(
		absolutePath,
		"Directories in which, and below which, no process may run; they win over the allowed ones.",
	),
};

const resources = {
	defaultResourceLimits: limitsFor("Limits of a process that asks for none."),
	maximumResourceLimits: limitsFor(
		"The highest limits that a request may ask for.",
	),
	strictResourceEnforcement: flag(
		false,
		"false: CPU is throttled, any other breach is SIGTERM, 2 s, SIGKILL. true: any breach is SIGKILL at once.",
	),
};

const processes = {
	maxConcurrentProcesses: wholeNumber(10, 1, "Processes that run at one time."),
	maxConcurrentProcessesPerAgent: optional(
		count,
		"The same for each agent (by its client's name).",
	),
	maxTotalProcesses: optional(count, "Processes started in the server's life."),
	maxProcessLifetime: withDefault(
		positive,
		3600,
		"Seconds after which a process is ended; services excepted.",
	),
	maxLaunchesPerMinute: wholeNumber(120, 1, "Launches within any 60 seconds."),
	maxLaunchesPerHour: optional(count, "Launches within any 60 minutes."),
	rateLimitCooldownSeconds: withDefault(
		z.number().check(z.gte(0)),
		0,
		"Seconds without launches after a rate limit was reached.",
	),
	maxFinishedProcesses: wholeNumber(
		100,
		0,
		"Ended processes that are remembered, output included.",
	),
};

const termination = {
	allowProcessTermination: flag(true, "An agent may end processes."),
	allowGroupTermination: flag(true, "An agent may end whole groups."),
	allowForcedTermination: flag(
		true,
		"An agent's termination may use SIGKILL, asked for or by escalation. The server's own limits and shutdown always may.",
	),
	requireTerminationConfirmation: flag(
		false,
		"Ask the user before an agent ends a process.",
	),
};

const io = {
	allowStdinInput: flag(
		true,
		"An agent may write to a process's standard input.",
	),
	allowOutputCapture: flag(
		true,
		"Output may be captured; false: it is discarded.",
	),
	maxOutputBufferSize: wholeNumber(
		10485760,
		4096,
		"Bytes of output kept for each stream; the oldest are dropped first.",
	),
	maxResponseSize: wholeNumber(40000, 256, "Bytes of output in one reply."),
	blockBinaryStdin: flag(
		false,
		"Refuse input that is not text (NUL or invalid UTF-8).",
	),
};

const audit = {
	enableAuditLog: flag(
		true,
		"Keep an audit log; while it can't be written nothing starts.",
	),
	auditLogPath: optional(
		absolutePath,
		"Its file. Unset: audit.log in the user's state directory.",
	),
	auditLogLevel: withDefault(
		z.enum(["error", "warn", "info", "debug"]),
		"info",
		"The least severe records that are kept: warn leaves out launches, input and ends other than crashes, error also refusals, limits and crashes.",
	),
	enableSecurityAlerts: flag(false, "Post refusals to securityAlertWebhook."),
	securityAlertWebhook: optional(
		z.url({ protocol: /^https?$/ }),
		"Where refusals are posted as JSON.",
	),
};

const confirmation = {
	requireConfirmation: flag(false, "Ask the user before every launch."),
	requireConfirmationFor: listOf(
		executablePattern,
		"Ask the user before a launch of these; matched as allowedExecutables are.",
	),
	autoApproveAfterCount: wholeNumber(
		0,
		0,
		"Launches of one executable that the user approves before further ones are no longer asked about; 0: always ask.",
	),
};

const time = {
	allowedTimeWindows: listOf(
		name,
		'Local times at which processes may start: "Mon-Fri 09:00-17:00", "Sat-Sun *". Empty: any.',
	),
	blockedTimeWindows: listOf(
		name,
		"Local times at which none may start; they win over the allowed ones.",
	),
};

const isolation = {
	enableChroot: flag(false, "Run processes in chrootDirectory as their root."),
	chrootDirectory: optional(
		absolutePath,
		"The root directory for enableChroot.",
	),
	enableNamespaces: flag(
		false,
		"Run each process in Linux namespaces of its own.",
	),
	namespaces: listOf(z.string(), "Which ones: pid, net, mount …"),
	enableSeccomp: flag(false, "Filter system calls by seccompProfile."),
	seccompProfile: optional(z.string(), "The seccomp profile."),
	blockNetworkAccess: flag(false, "Run processes without a network."),
	allowedNetworkDestinations: listOf(
		z.string(),
		"The only network destinations that processes may reach.",
	),
	blockedNetworkDestinations: listOf(
		z.string(),
		"Network destinations that processes may not reach.",
	),
	enableMAC: flag(
		false,
		"Run processes under a mandatory access control profile.",
	),
	macProfile: optional(z.string(), "The SELinux or AppArmor profile."),
	dropCapabilities: listOf(
		z.string(),
		"Linux capabilities that processes lose.",
	),
	readOnlyFilesystem: flag(
		false,
		"Run processes with a file system that they cannot write.",
	),
	tmpfsSize: optional(
		z.int().check(z.gte(0)),
		"Bytes of a temporary file system for each process.",
	),
};

/** The settings by theme, in the order in which they are documented. */
export const sections = {
	Executables: executables,
	Arguments: argumentsSection,
	Environment: environment,
	Directories: directories,
	Resources: resources,
	Processes: processes,
	Termination: termination,
	"Input and output": io,
	Audit: audit,
	Confirmation: confirmation,
	Time: time,
	Isolation: isolation,
};
