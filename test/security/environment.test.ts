import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { configSchema } from "../../src/config/schema.ts";
import {
	buildEnvironment,
	type Environment,
	inheritedEnvironment,
	isCodeVariable,
} from "../../src/security/environment.ts";
import { refusalOf } from "../support/policy-gate.ts";

const POSIX = process.platform !== "win32";
const SERVER = {
	env: {
		HOME: "/home/me",
		USER: "me",
		LOGNAME: "me",
		LANG: "C.UTF-8",
		LC_ALL: "C",
		TZ: "UTC",
		TMPDIR: "/tmp",
		TERM: "xterm",
		SHELL: "/bin/sh",
		PATH: "/evil:relative",
		AWS_SECRET_ACCESS_KEY: "secret",
		LD_PRELOAD: "/tmp/x.so",
		SSH_AUTH_SOCK: "/tmp/agent",
	},
	path: "/usr/bin:/bin",
};

type Settings = Partial<
	Parameters<typeof buildEnvironment>[2] &
		Parameters<typeof inheritedEnvironment>[0]
>;

function build(
	requested: Environment,
	settings: Settings = {},
	rule: Environment = {},
) {
	const config = { ...configSchema.parse({}), ...settings };
	const inherited = inheritedEnvironment(config, SERVER.env);
	const { path } = SERVER;
	return buildEnvironment(requested, rule, config, { inherited, path });
}

function refused(requested: Environment, settings: Settings = {}) {
	const error = refusalOf(() => build(requested, settings));
	expect(error.code).toBe("SECURITY_VIOLATION");
	return error;
}

/** The contract's list, and members of its families. */
const CODE = `LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT DYLD_INSERT_LIBRARIES PATH
PATHEXT COMSPEC NODE_OPTIONS NODE_PATH BUN_OPTIONS BUN_BE_BUN BASH_ENV ENV
PYTHONPATH PYTHONSTARTUP PYTHONHOME PERL5LIB PERL5OPT RUBYLIB RUBYOPT
JAVA_TOOL_OPTIONS GIT_SSH GIT_SSH_COMMAND GIT_EXTERNAL_DIFF GIT_CONFIG
GIT_CONFIG_COUNT GIT_CONFIG_KEY_0 GIT_CONFIG_GLOBAL GIT_PAGER PAGER LESSOPEN
RUSTUP_TOOLCHAIN R_PROFILE_USER R_ENVIRON_USER JULIA_LOAD_PATH JULIA_DEPOT_PATH
COVERAGE_PROCESS_START MPLCONFIGDIR TS_NODE_COMPILER GIO_EXTRA_MODULES AWKLIBPATH
GH_PAGER AWS_PAGER FZF_DEFAULT_COMMAND ANT_OPTS ERL_FLAGS ERL_AFLAGS ERL_ZFLAGS
PYENV_ROOT npm_execpath CGO_CFLAGS CGO_LDFLAGS GOCACHEPROG PSQLRC CONFIG_SITE
LD AR`.split(/\s+/);

describe("what a child inherits", () => {
	it.skipIf(!POSIX)("is by default what a program needs, and no secret", () => {
		expect(build({})).toEqual({
			env: {
				HOME: "/home/me",
				USER: "me",
				LOGNAME: "me",
				LANG: "C.UTF-8",
				LC_ALL: "C",
				TZ: "UTC",
				TMPDIR: "/tmp",
				TERM: "xterm",
				SHELL: "/bin/sh",
				PATH: "/usr/bin:/bin",
			},
			warnings: [],
		});
	});

	it("is what a list names, and PATH, which is always the server's own", () => {
		const { env } = build(
			{},
			{ inheritEnv: ["SSH_AUTH_SOCK", "PATH", "ABSENT"] },
		);
		expect(env).toEqual({ SSH_AUTH_SOCK: "/tmp/agent", PATH: "/usr/bin:/bin" });
		expect(build({}, { inheritEnv: [] }).env).toEqual({
			PATH: "/usr/bin:/bin",
		});
	});
});

describe("a name that is code", () => {
	it.each(CODE)("%s is removed with a warning", (name) => {
		const { env, warnings } = build({ [name]: "x", KEPT: "1" });
		expect(env.KEPT).toBe("1");
		expect(env[name]).not.toBe("x");
		expect(warnings).toEqual([
			`env ${name} was removed: it can make a program load or run something else`,
		]);
	});

	it("is one in any case", () => {
		for (const name of [
			"ld_preload",
			"Node_Options",
			"Path",
			"npm_config_node_options",
		])
			expect([name, isCodeVariable(name)]).toEqual([name, true]);
	});

	it("is not every name that resembles one", () => {
		for (const name of [
			"LDFLAGS",
			"LDLIBS",
			"CFLAGS",
			"CGO_ENABLED",
			"R_MAX_VSIZE",
			"JULIA_NUM_THREADS",
			"COVERAGE_FILE",
			"TS_NODE_TRANSPILE_ONLY",
			"GH_TOKEN",
			"AWS_PROFILE",
			"MIX_ENV",
			"NODE_ENV",
			"PYTHONUNBUFFERED",
			"MY_PATH",
			"GIT_AUTHOR_NAME",
			"CI",
		])
			expect([name, isCodeVariable(name)]).toEqual([name, false]);
	});

	it("is removed although allowedEnvVars names it", () => {
		const { env, warnings } = build(
			{ LD_PRELOAD: "x" },
			{ allowedEnvVars: ["LD_PRELOAD"] },
		);
		expect(env.LD_PRELOAD).toBeUndefined();
		expect(warnings).toHaveLength(1);
	});

	it("never reaches a child from a request, whatever else it holds", () => {
		fc.assert(
			fc.property(
				fc.constantFrom(...CODE),
				fc.string(),
				fc.nat(),
				(name, value, flips) => {
					fc.pre(
						!/[\0`\n]|\$\(/.test(value) &&
							value !== "" &&
							value !== SERVER.path,
					);
					const cased = [...name]
						.map((letter, at) =>
							(flips >> at) & 1 ? letter.toLowerCase() : letter,
						)
						.join("");
					expect(
						Object.entries(build({ [cased]: value }).env),
					).not.toContainEqual([cased, value]);
				},
			),
		);
	});
});

describe("a request's variables", () => {
	it("win over inherited ones", () => {
		expect(build({ LANG: "/other", NEW: "" }).env).toMatchObject({
			LANG: "/other",
			NEW: "",
		});
	});

	it("lose to the executable's own rule, which may hold any name", () => {
		const { env, warnings } = build(
			{ A: "request" },
			{},
			{ A: "rule", NODE_OPTIONS: "--trace" },
		);
		expect(env).toMatchObject({ A: "rule", NODE_OPTIONS: "--trace" });
		expect(warnings).toEqual([]);
	});

	it("are removed where additionalBlockedEnvVars names them, in any case, with a trailing *", () => {
		const settings = { additionalBlockedEnvVars: ["SECRET_*", "Token"] };
		const { env, warnings } = build(
			{ secret_a: "1", TOKEN: "2", OTHER: "3" },
			settings,
		);
		expect(env).not.toContainKeys(["secret_a", "TOKEN"]);
		expect(env.OTHER).toBe("3");
		expect(warnings).toHaveLength(2);
		expect(warnings[0]).toContain("additionalBlockedEnvVars");
	});

	it("are only those that allowedEnvVars names, where it is set", () => {
		const settings = { allowedEnvVars: ["CI", "APP_*"] };
		expect(build({ CI: "1", APP_MODE: "x" }, settings).env).toMatchObject({
			CI: "1",
			APP_MODE: "x",
		});
		const { message, remediation, details } = refused({ OTHER: "1" }, settings);
		expect(message).toContain("OTHER is not in allowedEnvVars");
		expect(remediation).toContain("only CI, APP_*;");
		expect(details).toEqual({
			violation: "env_var_injection",
			name: "OTHER",
			key: "allowedEnvVars",
		});
		expect(refused({ CI: "1" }, { allowedEnvVars: [] }).details).toMatchObject({
			name: "CI",
		});
	});

	it.skipIf(!POSIX)("differ by case where the system tells them apart", () => {
		expect(
			refused({ ci: "1" }, { allowedEnvVars: ["CI"] }).details,
		).toMatchObject({ name: "ci" });
	});

	it.each([
		["a\0b", "a NUL byte"],
		["$(id)", "$("],
		["`id`", "a backtick"],
		["a\nb", "a newline"],
	])("may not have the value %j", (value, what) => {
		const { message, details } = refused({ GOOD: "1", BAD: value });
		expect(message).toContain(`BAD holds ${what}`);
		expect(details).toEqual({ violation: "env_var_injection", name: "BAD" });
	});

	it.each(["", "A=B", "A\0", "="])("may not have the name %j", (name) => {
		expect(refused({ [name]: "1" }).details).toMatchObject({
			violation: "env_var_injection",
			name,
		});
	});

	it("are set or spoken of, also under a name that objects have of themselves", () => {
		for (const name of ["__proto__", "constructor", "toString"]) {
			const requested: Environment = JSON.parse(
				`{${JSON.stringify(name)}: "x"}`,
			);
			const { env, warnings } = build(requested);
			const isSet = Object.entries(env).some(
				([key, value]) => key === name && value === "x",
			);
			expect([name, isSet || warnings.length === 1]).toEqual([name, true]);
			expect(Object.getPrototypeOf(env)).toBeOneOf([Object.prototype, null]);
		}
	});
});

describe("limits of a request's variables", () => {
	it("hold for their number", () => {
		const settings = { maxEnvVarCount: 1 };
		expect(build({ A: "1" }, settings).env.A).toBe("1");
		const { message, details } = refused({ A: "1", B: "2" }, settings);
		expect(message).toContain("2 > 1 (maxEnvVarCount)");
		expect(details).toMatchObject({
			violation: "env_var_limit",
			key: "maxEnvVarCount",
		});
	});

	it("hold for the bytes of a value", () => {
		expect(build({ A: "é".repeat(2048) }).env.A).toHaveLength(2048);
		const { message, details } = refused({ A: "é".repeat(2049) });
		expect(message).toContain("4098 bytes > 4096");
		expect(details).toMatchObject({ violation: "env_var_limit", name: "A" });
	});

	it("hold for all of them together", () => {
		const many = (count: number) =>
			Object.fromEntries(
				Array.from({ length: count }, (_, at) => [
					`V${10 + at}`,
					"x".repeat(4096),
				]),
			);
		expect(Object.keys(build(many(15)).env).length).toBeGreaterThan(15);
		const { message, details } = refused(many(16));
		expect(message).toContain("> 65536");
		expect(details).toMatchObject({ violation: "env_var_limit" });
	});

	it("hold for names too", () => {
		expect(refused({ ["N".repeat(70_000)]: "" }).details).toMatchObject({
			violation: "env_var_limit",
		});
	});
});
