import { createHash } from "node:crypto";
import {
	closeSync,
	constants,
	fchmodSync,
	fstatSync,
	fsyncSync,
	mkdirSync,
	openSync,
	writeSync,
} from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import type { Config } from "../config/schema.ts";
import { messageOf, ProcessError } from "../errors.ts";
import { maskArguments, maskText } from "./mask.ts";

export const AUDIT_LEVELS = ["error", "warn", "info", "debug"] as const;
export type AuditLevel = (typeof AUDIT_LEVELS)[number];

/** What happened, before time, place in the chain and masking are added. */
export interface AuditEvent {
	readonly level: AuditLevel;
	readonly operation: string;
	readonly executable?: string | undefined;
	readonly args?: readonly string[] | undefined;
	readonly cwd?: string | undefined;
	readonly pid?: number | undefined;
	readonly agent?: string | undefined;
	readonly result: string;
	readonly reason?: string | undefined;
	/** Bytes, for a write to standard input; its content is never recorded. */
	readonly bytes?: number | undefined;
}

/** Takes records of what the server does. */
export interface AuditLog {
	/** @throws ProcessError INTERNAL_ERROR where the record can't be kept */
	record(event: AuditEvent): void;
	close(): void;
}

/** The log of a user who wants none. */
export const noAuditLog: AuditLog = { record() {}, close() {} };

const FIRST = "0".repeat(64);

/**
 * An append-only file of one JSON object a line. Each record's hash (SHA-256)
 * covers the record and, through `prev`, all before it since the server's
 * start, so that a changed or missing line shows.
 *
 * The file is opened at the first record and, after a failure, again at the
 * next one, so that a full disk or a missing directory stops launches only
 * while it lasts.
 */
export class AuditFile implements AuditLog {
	#fd: number | undefined;
	#seq = 0;
	#prev = FIRST;
	/** The last write stopped within a line. */
	#torn = false;
	readonly #threshold: number;

	constructor(
		readonly path: string,
		level: AuditLevel,
		private readonly now: () => Date = () => new Date(),
	) {
		this.#threshold = AUDIT_LEVELS.indexOf(level);
	}

	record(event: AuditEvent): void {
		if (AUDIT_LEVELS.indexOf(event.level) > this.#threshold) return;
		const record = {
			timestamp: this.now().toISOString(),
			...masked(event),
			seq: this.#seq,
			prev: this.#prev,
		};
		const hash = createHash("sha256")
			.update(JSON.stringify(record))
			.digest("hex");
		this.#append(`${JSON.stringify({ ...record, hash })}\n`);
		this.#seq++;
		this.#prev = hash;
	}

	#append(line: string): void {
		try {
			this.#fd ??= openLog(this.path);
			const bytes = Buffer.from(this.#torn ? `\n${line}` : line);
			const written = writeSync(this.#fd, bytes);
			this.#torn = written > 0 && written < bytes.length;
			if (written < bytes.length) throw new Error("the disk is full");
		} catch (error) {
			this.close();
			throw new ProcessError(
				"INTERNAL_ERROR",
				`The audit log can't be written, so nothing is started: ${this.path}: ${messageOf(error)}`,
				"The user makes the file writable, sets auditLogPath to another one, or sets enableAuditLog to false.",
				{ auditLogPath: this.path },
			);
		}
	}

	/** Brings what was recorded to the disk and closes the file. */
	close(): void {
		if (this.#fd === undefined) return;
		const fd = this.#fd;
		this.#fd = undefined;
		try {
			fsyncSync(fd);
		} catch {
			// Not every file can be synchronised; what was written stays written.
		}
		closeSync(fd);
	}
}

/** Opens for appending only, never through a link, readable by the user alone. */
function openLog(path: string): number {
	mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
	const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW = 0 } = constants;
	const { O_NONBLOCK = 0 } = constants;
	const fd = openSync(
		path,
		O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK,
		0o600,
	);
	try {
		const info = fstatSync(fd);
		if (!info.isFile()) throw new Error("it is not a file");
		if (process.platform !== "win32" && info.mode & 0o077)
			fchmodSync(fd, 0o600);
		return fd;
	} catch (error) {
		closeSync(fd);
		throw error;
	}
}

/** The event's fields in the log's order, without what must not be kept. */
function masked(event: AuditEvent): AuditEvent {
	const { level, operation, executable, args, cwd, pid, agent } = event;
	const { result, reason, bytes } = event;
	return {
		level,
		operation,
		executable,
		args: args && maskArguments(args),
		cwd,
		pid,
		agent,
		result,
		reason: reason && maskReason(reason, args ?? []),
		bytes,
	};
}

/** A reason may quote an argument, which is then masked as the argument is. */
function maskReason(reason: string, args: readonly string[]): string {
	const shown = maskArguments(args);
	const quoted = args.reduce((text, arg, index) => {
		const mask = shown[index] ?? arg;
		return mask === arg || arg === "" ? text : text.replaceAll(arg, mask);
	}, reason);
	return maskText(quoted);
}

/** The audit log that a configuration asks for. */
export function createAuditLog(
	config: Pick<Config, "enableAuditLog" | "auditLogPath" | "auditLogLevel">,
	env: Readonly<Record<string, string | undefined>>,
): AuditLog {
	if (!config.enableAuditLog) return noAuditLog;
	return new AuditFile(
		config.auditLogPath ?? join(stateDirectory(env), "audit.log"),
		config.auditLogLevel,
	);
}

/** The user's directory for this program's state: XDG's, or the system's own. */
function stateDirectory(
	env: Readonly<Record<string, string | undefined>>,
): string {
	if (process.platform === "win32") {
		const local = env.LOCALAPPDATA ?? join(homedir(), "AppData", "Local");
		return join(local, "mcp-process");
	}
	if (process.platform === "darwin")
		return join(homedir(), "Library", "Application Support", "mcp-process");
	// XDG Base Directory Specification: a relative path is to be ignored.
	const state = env.XDG_STATE_HOME?.startsWith("/")
		? env.XDG_STATE_HOME
		: join(homedir(), ".local", "state");
	return join(state, "mcp-process");
}
