/** A program's arguments read as the launch of another program. */
export type Inner =
	| {
			readonly kind: "command";
			readonly executable: string;
			readonly args: readonly string[];
			/** Variables that the wrapper sets for the inner program. */
			readonly env: Readonly<Record<string, string>>;
			/** The wrapper adds arguments that it reads from its input. */
			readonly isOpen: boolean;
			/** The wrapper sets or removes variables. */
			readonly changesEnv: boolean;
	  }
	/** No inner program: the wrapper prints something and ends. */
	| { readonly kind: "none" }
	/** What would run cannot be told, so it cannot be judged. */
	| { readonly kind: "opaque"; readonly reason: string };

interface Syntax {
	/** Options without a value. */
	readonly flags: readonly string[];
	/** Options whose value is the next argument, or attached (`-n5`, `--adjustment=5`). */
	readonly valued: readonly string[];
	/** Arguments between the options and the inner program. */
	readonly operands?: number;
	/** NAME=VALUE arguments come before the inner program. */
	readonly assignments?: true;
	/** Without this option the program hands its arguments to a shell. */
	readonly requires?: readonly string[];
}

/** Options of env that take all variables, or one, away. */
const CLEAR = ["-i", "--ignore-environment", "-"];
const UNSET = ["-u", "--unset"];

const HELP = ["--help", "--version"];

/**
 * How each wrapper writes its arguments; an option that is not here makes them
 * unreadable, as one that splits strings, changes the directory or calls a shell has to. From
 * the manual pages of coreutils, findutils, util-linux and procps.
 */
const SYNTAX: Readonly<Record<string, Syntax>> = {
	env: {
		flags: ["-i", "--ignore-environment", "-0", "--null", "-", "-v", "--debug"],
		valued: ["-u", "--unset"],
		assignments: true,
	},
	nice: { flags: [], valued: ["-n", "--adjustment"] },
	nohup: { flags: [], valued: [] },
	timeout: {
		flags: ["-v", "--verbose", "--foreground", "--preserve-status"],
		valued: ["-s", "--signal", "-k", "--kill-after"],
		operands: 1,
	},
	setsid: {
		flags: ["-c", "--ctty", "-f", "--fork", "-w", "--wait"],
		valued: [],
	},
	stdbuf: {
		flags: [],
		valued: ["-i", "--input", "-o", "--output", "-e", "--error"],
	},
	xargs: {
		flags: ["-0", "--null", "-r", "--no-run-if-empty", "-t", "--verbose", "-x"],
		// Not -I, which puts input in the place of any word, also of the program's name.
		valued: ["-d", "-E", "-L", "-n", "-P", "-s"],
	},
	flock: {
		flags: ["-s", "--shared", "-x", "--exclusive", "-n", "--nonblock", "-v"],
		valued: ["-w", "--timeout", "-E", "--conflict-exit-code"],
		operands: 1,
	},
	watch: {
		flags: ["-x", "--exec", "-d", "-e", "-g", "-t", "--no-title", "-b", "-c"],
		valued: ["-n", "--interval"],
		requires: ["-x", "--exec"],
	},
	time: {
		flags: ["-p", "--portability", "-v", "--verbose", "-q", "--quiet", "-a"],
		valued: ["-o", "--output", "-f", "--format"],
	},
	ionice: {
		flags: ["-t", "--ignore"],
		valued: ["-c", "--class", "-n", "--classdata"],
	},
	taskset: { flags: ["-c", "--cpu-list"], valued: [], operands: 1 },
	chrt: {
		flags: ["-b", "-f", "-i", "-o", "-r", "-R"],
		valued: [],
		operands: 1,
	},
	...opaqueWrappers(
		...["prlimit", "setarch", "linux32", "linux64", "i386", "x86_64"],
		...["uname26", "choom", "setpriv", "uclampset", "numactl", "ld.so"],
		...["ld-linux.so", "ld-linux-x86-64.so", "ld-linux-aarch64.so"],
		...["systemd-run", "runuser", "capsh", "bwrap", "start-stop-daemon"],
		...["script", "parallel"],
	),
};

/** Programs that start others in ways that are not read here. */
function opaqueWrappers(...names: string[]): Record<string, Syntax> {
	const syntax: Syntax = { flags: [], valued: [], requires: [] };
	return Object.fromEntries(names.map((name) => [name, syntax]));
}

/** Whether a program starts another one that its arguments name. */
export function isWrapper(name: string): boolean {
	return Object.hasOwn(SYNTAX, plain(name));
}

/** GNU's programs have a g before their names where the system has its own (gtimeout). */
function plain(name: string): string {
	if (name.startsWith("ld-")) return name.replace(/\.so\..*$/, ".so");
	const bare = name.slice(1);
	return name.startsWith("g") && Object.hasOwn(SYNTAX, bare) ? bare : name;
}

/** Reads a wrapper's arguments. An option that isn't known here makes them opaque. */
export function innerCommand(called: string, args: readonly string[]): Inner {
	const name = plain(called);
	const syntax = SYNTAX[name];
	if (!syntax) return { kind: "none" };
	const given = new Set<string>();
	const unset: string[] = [];
	let at = 0;
	for (; at < args.length; at++) {
		const arg = args[at] ?? "";
		if (arg === "--") {
			at++;
			break;
		}
		if (!arg.startsWith("-")) break;
		const option = readOption(arg, syntax);
		if (option === undefined) {
			if (HELP.includes(arg) && args.length === 1) return { kind: "none" };
			return opaque(`${name} ${arg} could change what is started`);
		}
		given.add(option.name);
		if (UNSET.includes(option.name))
			unset.push(option.value ?? args[at + 1] ?? "");
		if (option.takesNext) at++;
	}
	if (syntax.requires && !syntax.requires.some((option) => given.has(option)))
		return opaque(`${name} starts programs in a way that can't be judged`);
	const env: Record<string, string> = {};
	if (syntax.assignments) {
		for (let arg = args[at]; arg?.includes("="); arg = args[++at]) {
			const equals = arg.indexOf("=");
			env[arg.slice(0, equals)] = arg.slice(equals + 1);
		}
	}
	at += syntax.operands ?? 0;
	const isCleared = CLEAR.some((option) => given.has(option));
	const losesPath = isCleared || unset.includes("PATH");
	const executable = args[at];
	if (name === "env" && losesPath && executable && !executable.includes("/"))
		return opaque(
			"env without the server's PATH looks for the program in another one; name it by its path",
		);
	if (executable === undefined) {
		return name === "xargs" || name === "nohup" || name === "watch"
			? opaque(`${name} names no program to start`)
			: { kind: "none" };
	}
	return {
		kind: "command",
		executable,
		args: args.slice(at + 1),
		env,
		isOpen: name === "xargs",
		changesEnv: isCleared || unset.length > 0 || Object.keys(env).length > 0,
	};
}

function readOption(
	arg: string,
	syntax: Syntax,
): { name: string; takesNext: boolean; value?: string } | undefined {
	if (syntax.flags.includes(arg)) return { name: arg, takesNext: false };
	if (syntax.valued.includes(arg)) return { name: arg, takesNext: true };
	for (const name of syntax.valued) {
		const prefix = name.startsWith("--") ? `${name}=` : name;
		const isAttached =
			arg.startsWith(prefix) && arg.startsWith("--") === name.startsWith("--");
		if (isAttached)
			return { name, takesNext: false, value: arg.slice(prefix.length) };
	}
	return undefined;
}

function opaque(reason: string): Inner {
	return { kind: "opaque", reason };
}
