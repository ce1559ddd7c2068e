import {
	closeSync,
	constants,
	fstatSync,
	lstatSync,
	openSync,
	readFileSync,
	realpathSync,
	statSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { messageOf, systemCode } from "../errors.ts";
import {
	type ConfigDocument,
	DocumentError,
	formatPath,
	type KeyPath,
	parseDocument,
} from "./document.ts";
import { unenforceable } from "./enforcement.ts";
import { describeIssue } from "./issues.ts";
import { type Config, configSchema } from "./schema.ts";

/** Where the configuration came from. */
export type ConfigSource =
	| { readonly kind: "file"; readonly path: string }
	| { readonly kind: "environment"; readonly variable: string }
	| { readonly kind: "none" };

/** A source as messages name it. */
export function nameOf(source: ConfigSource): string {
	switch (source.kind) {
		case "file":
			return source.path;
		case "environment":
			return source.variable;
		case "none":
			return "none, so nothing may be started (mcp-process --create-config PATH writes one)";
	}
}

export interface LoadedConfig {
	readonly config: Config;
	readonly source: ConfigSource;
	/** Names a setting's place for a person: `/etc/p.json:12`; the source alone where it isn't set there. */
	readonly locate: (path: KeyPath) => string;
}

/** A configuration that cannot be used; the message names source, place and fault. */
export class ConfigError extends Error {}

const PATH_VARIABLE = "MCP_PROCESS_CONFIG_PATH";
const TEXT_VARIABLE = "MCP_PROCESS_CONFIG";
const DEFAULT_PATHS = [
	"mcp-process-config.json",
	join("config", "mcp-process.json"),
];

/**
 * Reads the policy from the first source that is present: `path`, the two
 * environment variables, the two default files. A source that is present and
 * broken is an error: falling through to another one could allow more than the
 * user meant.
 *
 * @throws ConfigError
 */
export function loadConfig(options: {
	readonly path?: string | undefined;
	readonly env: Readonly<Record<string, string | undefined>>;
	readonly cwd: string;
}): LoadedConfig {
	const { path, env, cwd } = options;
	if (path !== undefined) return fromFile(resolve(cwd, path));
	const named = env[PATH_VARIABLE];
	if (named !== undefined) {
		if (named === "")
			throw new ConfigError(`${PATH_VARIABLE}: is set, but empty`);
		return fromFile(resolve(cwd, named));
	}
	const text = env[TEXT_VARIABLE];
	if (text !== undefined)
		return parseConfig(text, { kind: "environment", variable: TEXT_VARIABLE });
	for (const name of DEFAULT_PATHS) {
		const candidate = join(cwd, name);
		if (isPresent(candidate)) return fromFile(candidate);
	}
	return {
		config: freeze(configSchema.parse({})),
		source: { kind: "none" },
		locate: () => "no configuration",
	};
}

/** Present is whatever has a name there: a dangling link or a closed folder is not "absent". */
function isPresent(path: string): boolean {
	try {
		lstatSync(path);
		return true;
	} catch (error) {
		const code = systemCode(error);
		return code !== "ENOENT" && code !== "ENOTDIR";
	}
}

function fromFile(path: string): LoadedConfig {
	return parseConfig(readConfigFile(path), { kind: "file", path });
}

/** Reads the file through one descriptor, so that what was checked is what is read. */
function readConfigFile(path: string): string {
	let fd: number;
	try {
		fd = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
	} catch (error) {
		const missing = systemCode(error) === "ENOENT";
		throw new ConfigError(
			missing
				? `${path}: Configuration file not found; write one with: mcp-process --create-config ${path}`
				: `${path}: cannot be read: ${messageOf(error)}`,
		);
	}
	try {
		const info = fstatSync(fd);
		if (!info.isFile()) throw new ConfigError(`${path}: is not a file`);
		if (process.platform !== "win32") refuseWritableByAll(path, info.mode);
		return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(fd));
	} catch (error) {
		if (error instanceof ConfigError) throw error;
		throw new ConfigError(`${path}: cannot be read: ${messageOf(error)}`);
	} finally {
		closeSync(fd);
	}
}

/** A policy that every user can write is every user's policy. */
function refuseWritableByAll(path: string, mode: number): void {
	if (mode & 0o002) {
		throw new ConfigError(
			`${path}: every user can write this file; run: chmod o-w ${path}`,
		);
	}
	for (const folder of [dirname(path), dirname(realpathSync(path))]) {
		const folderMode = statSync(folder).mode;
		if (!(folderMode & 0o002) || folderMode & 0o1000) continue;
		throw new ConfigError(
			`${path}: every user can replace this file, as its directory is writable for all; run: chmod o-w ${folder}`,
		);
	}
}

/**
 * Checks a configuration's text against the schema and against what this build
 * enforces.
 *
 * @throws ConfigError naming the source, the line and the key of each fault
 */
export function parseConfig(text: string, source: ConfigSource): LoadedConfig {
	const origin = source.kind === "file" ? source.path : TEXT_VARIABLE;
	const document = parse(text, origin);
	const locate = (path: KeyPath) => {
		const line = source.kind === "file" ? document.lineOf(path) : undefined;
		return line === undefined ? origin : `${origin}:${line}`;
	};
	const result = configSchema.safeParse(document.value);
	if (!result.success) {
		const problems = result.error.issues.flatMap((issue) =>
			describeIssue(issue, configSchema),
		);
		throw new ConfigError(
			problems
				.map(({ path, message }) => complaint(locate(path), path, message))
				.join("\n"),
		);
	}
	const config = freeze(result.data);
	const unmet = unenforceable(config);
	if (unmet.length > 0) {
		throw new ConfigError(
			unmet
				.map(({ path, reason }) => complaint(locate(path), path, reason))
				.join("\n"),
		);
	}
	return { config, source, locate };
}

function parse(text: string, origin: string): ConfigDocument {
	try {
		return parseDocument(text);
	} catch (error) {
		if (!(error instanceof DocumentError)) throw error;
		throw new ConfigError(`${origin}:${error.line}: ${error.message}`);
	}
}

function complaint(place: string, path: KeyPath, message: string): string {
	const key = formatPath(path);
	return key === "" ? `${place}: ${message}` : `${place}: ${key}: ${message}`;
}

function freeze<T>(value: T): T {
	if (typeof value === "object" && value !== null) {
		Object.values(value).forEach(freeze);
		Object.freeze(value);
	}
	return value;
}
