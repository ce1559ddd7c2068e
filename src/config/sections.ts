import { z } from "zod";
import {
	absolutePath,
	allowlistEntry,
	argumentValidation,
	executablePattern,
	listOf,
	pattern,
	resourceLimits,
	wholeNumber,
} from "./fields.ts";

const executables = {
	allowedExecutables: listOf(allowlistEntry).describe(
		"What may be started: bare names (the file that the server's own PATH gives), absolute paths, globs over absolute paths, or objects that add rules for one executable. Empty: nothing may run.",
	),
	additionalBlockedExecutables: listOf(z.string().min(1)).describe(
		"Base names that are blocked besides the built-in ones.",
	),
	blockShellInterpreters: z
		.boolean()
		.default(true)
		.describe(
			"Refuse shells, and judge programs that start another one (env, xargs, nice …) by that other one.",
		),
	blockSetuidExecutables: z
		.boolean()
		.default(true)
		.describe("Refuse files that are setuid, setgid or have capabilities."),
};

const argumentsSection = {
	argumentValidation: argumentValidation
		.default("strict")
		.describe(
			"strict: refuse arguments with shell metacharacters or path traversal. literal: pass any argument without NUL; no shell ever sees it.",
		),
	maxArgumentCount: wholeNumber(1000, 0).describe("Arguments of one launch."),
	maxArgumentLength: wholeNumber(32768).describe("Bytes of one argument."),
	blockedArgumentPatterns: listOf(pattern).describe(
		"Regular expressions (RE2); an argument in which one is found is refused.",
	),
};

const environment = {
	inheritEnv: z
		.union([z.literal("minimal"), z.array(z.string().min(1))], {
			error: 'must be "minimal" or a list of names',
		})
		.default("minimal")
		.describe(
			'"minimal": HOME, USER, LOGNAME, LANG, LC_*, TZ, TMPDIR, TERM, SHELL and, on Windows, what programs need to start. Or a list of names. PATH is always the server\'s own.',
		),
	allowedEnvVars: z
		.array(z.string().min(1))
		.optional()
		.describe("When set, the only names that a request may give."),
	additionalBlockedEnvVars: listOf(z.string().min(1)).describe(
		"Names that are removed from a request, besides the built-in ones.",
	),
	maxEnvVarCount: wholeNumber(100, 0).describe(
		"Environment variables of one request.",
	),
};

const directories = {
	allowedWorkingDirectories: listOf(absolutePath).describe(
		"Directories in which, and below which, processes may run. Empty: any.",
	),
	blockedWorkingDirectories: listOf(absolutePath).describe(
		"Directories in which, and below which, no process may run; they win over the allowed ones.",
	),
};

const resources = {
	defaultResourceLimits: resourceLimits
		.prefault({})
		.describe("Limits of a process that asks for none."),
	maximumResourceLimits: resourceLimits
		.prefault({})
		.describe("The highest limits that a request may ask for."),
	strictResourceEnforcement: z
		.boolean()
		.default(false)
		.describe(
			"false: CPU is throttled, any other breach is SIGTERM, 2 s, SIGKILL. true: any breach is SIGKILL at once.",
		),
};

const processes = {
	maxConcurrentProcesses: wholeNumber(10).describe(
		"Processes that run at one time.",
	),
	maxConcurrentProcessesPerAgent: z
		.number()
		.int()
		.min(1)
		.optional()
		.describe("The same for each agent (by its client's name)."),
	maxTotalProcesses: z
		.number()
		.int()
		.min(1)
		.optional()
		.describe("Processes started in the server's life."),
	maxProcessLifetime: z
		.number()
		.positive()
		.default(3600)
		.describe("Seconds after which a process is ended; services excepted."),
	maxLaunchesPerMinute: wholeNumber(120).describe(
		"Launches within any 60 seconds.",
	),
	maxLaunchesPerHour: z
		.number()
		.int()
		.min(1)
		.optional()
		.describe("Launches within any 60 minutes."),
	rateLimitCooldownSeconds: z
		.number()
		.min(0)
		.default(0)
		.describe("Seconds without launches after a rate limit was reached."),
	maxFinishedProcesses: wholeNumber(100, 0).describe(
		"Ended processes that are remembered, output included.",
	),
};

const termination = {
	allowProcessTermination: z
		.boolean()
		.default(true)
		.describe("An agent may end processes."),
	allowGroupTermination: z
		.boolean()
		.default(true)
		.describe("An agent may end whole groups."),
	allowForcedTermination: z
		.boolean()
		.default(true)
		.describe(
			"An agent's termination may use SIGKILL, asked for or by escalation. The server's own limits and shutdown always may.",
		),
	requireTerminationConfirmation: z
		.boolean()
		.default(false)
		.describe("Ask the user before an agent ends a process."),
};

const io = {
	allowStdinInput: z
		.boolean()
		.default(true)
		.describe("An agent may write to a process's standard input."),
	allowOutputCapture: z
		.boolean()
		.default(true)
		.describe("Output may be captured; false: it is discarded."),
	maxOutputBufferSize: wholeNumber(10485760, 4096).describe(
		"Bytes of output kept for each stream; the oldest are dropped first.",
	),
	maxResponseSize: wholeNumber(40000, 256).describe(
		"Bytes of output in one reply.",
	),
	blockBinaryStdin: z
		.boolean()
		.default(false)
		.describe("Refuse input that is not text (NUL or invalid UTF-8)."),
};

const audit = {
	enableAuditLog: z
		.boolean()
		.default(true)
		.describe("Keep an audit log; while it can't be written nothing starts."),
	auditLogPath: absolutePath
		.optional()
		.describe("Its file. Unset: audit.log in the user's state directory."),
	auditLogLevel: z
		.enum(["error", "warn", "info", "debug"])
		.default("info")
		.describe(
			"The least severe records that are kept: warn leaves out launches and ends, error also refusals.",
		),
	enableSecurityAlerts: z
		.boolean()
		.default(false)
		.describe("Post refusals to securityAlertWebhook."),
	securityAlertWebhook: z
		.url({ protocol: /^https?$/ })
		.optional()
		.describe("Where refusals are posted as JSON."),
};

const confirmation = {
	requireConfirmation: z
		.boolean()
		.default(false)
		.describe("Ask the user before every launch."),
	requireConfirmationFor: listOf(executablePattern).describe(
		"Ask the user before a launch of these; matched as allowedExecutables are.",
	),
	autoApproveAfterCount: wholeNumber(0, 0).describe(
		"Launches of one executable that the user approves before further ones are no longer asked about; 0: always ask.",
	),
};

const time = {
	allowedTimeWindows: listOf(z.string().min(1)).describe(
		'Local times at which processes may start: "Mon-Fri 09:00-17:00", "Sat-Sun *". Empty: any.',
	),
	blockedTimeWindows: listOf(z.string().min(1)).describe(
		"Local times at which none may start; they win over the allowed ones.",
	),
};

const isolation = {
	enableChroot: z
		.boolean()
		.default(false)
		.describe("Run processes in chrootDirectory as their root."),
	chrootDirectory: absolutePath
		.optional()
		.describe("The root directory for enableChroot."),
	enableNamespaces: z
		.boolean()
		.default(false)
		.describe("Run each process in Linux namespaces of its own."),
	namespaces: listOf(z.string()).describe("Which ones: pid, net, mount …"),
	enableSeccomp: z
		.boolean()
		.default(false)
		.describe("Filter system calls by seccompProfile."),
	seccompProfile: z.string().optional().describe("The seccomp profile."),
	blockNetworkAccess: z
		.boolean()
		.default(false)
		.describe("Run processes without a network."),
	allowedNetworkDestinations: listOf(z.string()).describe(
		"The only network destinations that processes may reach.",
	),
	blockedNetworkDestinations: listOf(z.string()).describe(
		"Network destinations that processes may not reach.",
	),
	enableMAC: z
		.boolean()
		.default(false)
		.describe("Run processes under a mandatory access control profile."),
	macProfile: z
		.string()
		.optional()
		.describe("The SELinux or AppArmor profile."),
	dropCapabilities: listOf(z.string()).describe(
		"Linux capabilities that processes lose.",
	),
	readOnlyFilesystem: z
		.boolean()
		.default(false)
		.describe("Run processes with a file system that they cannot write."),
	tmpfsSize: z
		.number()
		.int()
		.min(0)
		.optional()
		.describe("Bytes of a temporary file system for each process."),
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
