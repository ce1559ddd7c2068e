import { accessSync, constants, existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { LoadedConfig } from "../config/load.ts";
import type { AllowRule } from "./allowlist.ts";
import { LEFT_OUT } from "./audit-event.ts";
import { isWithin } from "./directory.ts";
import { isCodeVariable } from "./environment.ts";
import {
	findExecutable,
	isBareName,
	programName,
	withoutVersion,
} from "./executable.ts";
import { isDangerousName, isShellName } from "./names.ts";
import type { Policy } from "./policy.ts";

/** Something that a policy allows, or seems to, that its author should know of. */
export interface Risk {
	/** Where in the configuration, as a person finds it. */
	readonly place: string;
	/** The entry of the allowlist that it is about, if it is about one. */
	readonly entry?: string;
	readonly risk: string;
	readonly advice: string;
}

const INTERPRETERS =
	"node nodejs deno bun python pypy perl ruby php lua luajit java jshell groovy scala julia R Rscript tclsh wish guile sbcl ghci erl iex elixir osascript awk gawk mawk nawk sed ed vi vim nvim emacs gdb lldb sqlite3 psql mysql ts-node tsx";
const RUNNERS =
	"npm npx pnpm pnpx yarn bunx corepack pip pipx uv uvx poetry conda cargo go make gmake cmake ninja meson gradle mvn ant rake bundle gem dotnet msbuild bazel just task tox nox pytest jest vitest mocha tsc";
const CONTAINERS =
	"docker podman nerdctl buildah ctr crictl kubectl helm vagrant lxc runc machinectl";
const STARTERS =
	"git find fd tar zip rsync ssh scp sftp tmux screen expect strace ltrace entr parallel socat nc ncat man less more";

const KINDS: readonly (readonly [ReadonlySet<string>, string])[] = [
	[words(INTERPRETERS), "an interpreter: it runs any code that it is given"],
	[
		words(RUNNERS),
		"a package or build runner: it runs whatever the project, or a package that it fetches, says",
	],
	[
		words(CONTAINERS),
		"a container client: it can start anything, also with the machine's files mounted",
	],
	[
		words(STARTERS),
		"a program that can be told by its arguments or settings to start others",
	],
];

function words(text: string): ReadonlySet<string> {
	return new Set(text.split(" "));
}

/** What `check` warns of. */
export function findRisks(policy: Policy, loaded: LoadedConfig): Risk[] {
	return [
		...policy.rules.flatMap((rule) => risksOfRule(rule, policy)),
		...risksOfPlaces(policy, loaded),
		...risksOfSwitches(policy),
	];
}

function risksOfRule(rule: AllowRule, policy: Policy): Risk[] {
	const place = policy.locate(["allowedExecutables", rule.index]);
	const entry = rule.executable;
	const shown = JSON.stringify(entry);
	const risk = (text: string, advice: string): Risk => ({
		place,
		entry,
		risk: text,
		advice,
	});
	const name = withoutVersion(programName(entry));
	if (isDangerousName(programName(entry)))
		return [risk("is always refused", "Remove it: it has no effect.")];
	if (isShellName(name)) {
		return policy.config.blockShellInterpreters
			? [risk("is a shell, and those are refused", "Remove it.")]
			: [risk("is a shell: it runs everything", "Remove it if you can.")];
	}
	if (/[*?[{]/.test(entry)) {
		const folder = entry.slice(0, entry.search(/[*?[{]/));
		return isWritable(dirname(`${folder}x`))
			? [
					risk(
						"covers a directory that this server's user can write, and so can what it starts: any program put there may run",
						"Name the programs one by one, or make the directory read-only for this user.",
					),
				]
			: [];
	}
	const kind = KINDS.find(([names]) => names.has(name))?.[1];
	const isThere =
		!isBareName(entry) || findExecutable(entry, policy.searchPath, "/");
	if (!kind || !isThere || rule.allowedArguments) return [];
	return [
		risk(
			`is ${kind}`,
			`Narrow it: { "executable": ${shown}, "allowedArguments": [${suggestion(name)}] }`,
		),
	];
}

/** Arguments with which a program is commonly wanted and that don't let it run anything else by themselves. */
function suggestion(name: string): string {
	const known: Readonly<Record<string, string>> = {
		npm: '"test|ci", "run", "build|lint"',
		git: '"status|log|diff|show", "--stat", "[0-9a-f]{7,40}"',
		node: '"/path/to/script\\\\.js"',
		python: '"/path/to/script\\\\.py"',
		make: '"all|test"',
		cargo: '"build|check|test"',
		go: '"build|vet|test", "\\\\./\\\\.\\\\.\\\\."',
	};
	return known[name] ?? '"…"';
}

function risksOfPlaces(policy: Policy, { source }: LoadedConfig): Risk[] {
	const { locate, directories, searchPath, config } = policy;
	const place = locate(["allowedWorkingDirectories"]);
	const anywhere = config.allowedWorkingDirectories.length === 0;
	const reach = (path: string) =>
		directories.allowed.find((directory) => isWithin(path, directory));
	const risks: Risk[] = [];
	if (anywhere)
		risks.push({
			place,
			risk: "processes may run in any directory",
			advice:
				'Name your projects: "allowedWorkingDirectories": ["/home/me/src"]',
		});
	if (source.kind === "file" && anywhere && isWritable(dirname(source.path)))
		risks.push({
			place: source.path,
			risk: "this server's user can write this configuration's directory, and so can what it starts: it may be another one at the next start",
			advice:
				"Let another user own it, or name allowedWorkingDirectories elsewhere and narrow what may run.",
		});
	if (source.kind === "file" && reach(source.path) !== undefined)
		risks.push({
			place,
			risk: `${reach(source.path)} contains this configuration: what runs there may rewrite it for the next start`,
			advice: "Move the configuration elsewhere and name it with --config.",
		});
	for (const directory of config.allowedWorkingDirectories)
		if (!existsSync(directory))
			risks.push({
				place,
				risk: `${directory} is not there`,
				advice: "Create it, or remove it.",
			});
	for (const directory of searchPath) {
		const mode = statSync(directory, { throwIfNoEntry: false })?.mode ?? 0;
		if (mode & 0o002 && process.platform !== "win32")
			risks.push({
				place: "PATH",
				risk: `every user can write ${directory}, which is on the server's PATH`,
				advice: `Take it out of the server's PATH, or run: chmod o-w ${directory}`,
			});
		const within = reach(directory);
		if (within === undefined) continue;
		risks.push({
			place,
			risk: `${directory} is on the server's PATH and within ${within}: what runs there may put other programs under allowed names`,
			advice:
				"Take it out of the server's PATH, or allow programs by their full path.",
		});
	}
	return risks;
}

function risksOfSwitches({ config, locate }: Policy): Risk[] {
	const risks: Risk[] = [];
	const add = (key: keyof typeof config, risk: string, advice: string) =>
		risks.push({ place: locate([key]), risk, advice });
	if (!config.blockShellInterpreters)
		add(
			"blockShellInterpreters",
			"shells are not blocked: one that is allowed runs everything",
			"Set blockShellInterpreters to true.",
		);
	if (!config.blockSetuidExecutables)
		add(
			"blockSetuidExecutables",
			"programs with privileges of their own are not blocked",
			"Set blockSetuidExecutables to true.",
		);
	if (!config.enableAuditLog)
		add("enableAuditLog", "nothing is recorded", "Set enableAuditLog to true.");
	const leftOut = LEFT_OUT[config.auditLogLevel];
	if (config.enableAuditLog && leftOut !== undefined)
		add(
			"auditLogLevel",
			`${leftOut} are not recorded`,
			'Set auditLogLevel to "info".',
		);
	const code =
		config.inheritEnv === "minimal"
			? []
			: config.inheritEnv.filter(isCodeVariable);
	if (code.length > 0)
		add(
			"inheritEnv",
			`${code.join(", ")} can make programs load or run something else`,
			"Take it out unless it is meant.",
		);
	if (process.getuid?.() === 0)
		risks.push({
			place: "this server",
			risk: "runs as root, and so does what it starts",
			advice: "Run it as a user whose rights you are ready to lend.",
		});
	return risks;
}

function isWritable(folder: string): boolean {
	try {
		accessSync(folder, constants.W_OK);
		return true;
	} catch {
		return false;
	}
}
