import { homedir } from "node:os";
import { join } from "node:path";
import type { Config } from "../config/schema.ts";
import { diagnose, messageOf, ProcessError } from "../errors.ts";
import {
	AUDIT_LEVELS,
	type AuditEvent,
	type AuditLevel,
	masked,
} from "./audit-event.ts";
import { LogFile } from "./log-file.ts";

/** Takes records of what the server does. */
export interface AuditLog {
	/**
	 * Records what happened. What can't be written is kept, and written when it can be.
	 *
	 * @throws ProcessError INTERNAL_ERROR where it can't be written now
	 */
	record(event: AuditEvent): void;
	/**
	 * Records what must not happen unless all before it is written.
	 *
	 * @throws ProcessError INTERNAL_ERROR where it must not happen
	 */
	commit(event: AuditEvent): void;
	/** Why records can't be written, as `record` throws it; asking adds none and makes no file. */
	problem(): ProcessError | undefined;
	/** @throws ProcessError INTERNAL_ERROR where a record could not even be kept for later */
	requireRoom(): void;
	close(): void;
}

/** The log of a user who wants none. */
export const noAuditLog: AuditLog = {
	record() {},
	commit() {},
	problem: () => undefined,
	requireRoom() {},
	close() {},
};

/** `prev` of a server's first record. */
export const FIRST = "0".repeat(64);

/** The hash of a record's JSON without its hash: SHA-256 in hexadecimal. */
export function hashOf(json: string): string {
	return new Bun.CryptoHasher("sha256").update(json).digest("hex");
}

/** Characters of records that wait to be written; what comes then is counted. */
const MOST_WAITING = 4 * 2 ** 20;
/** Milliseconds after which what waits is tried again. */
const RETRY = 1000;

/**
 * An append-only file of one JSON object a line. Each record's hash covers the
 * record and, through `prev`, all before it since the server's start, so that a
 * changed or missing line shows.
 */
export class AuditFile implements AuditLog {
	readonly #file: LogFile;
	#seq = 0;
	#prev = FIRST;
	readonly #threshold: number;
	/** Lines that are not in the file yet, oldest first, and their characters. */
	readonly #waiting: string[] = [];
	#length = 0;
	/** Records that there was no room for, after those that wait. */
	#lost = 0;
	/** Modes of the file that were undone, and are not on record yet. */
	readonly #exposed = new Set<string>();
	#retry: ReturnType<typeof setTimeout> | undefined;

	constructor(
		readonly path: string,
		level: AuditLevel,
		private readonly now: () => Date = () => new Date(),
		maxBytes?: number,
	) {
		this.#threshold = AUDIT_LEVELS.indexOf(level);
		const onExposed = (mode: string) => {
			this.#exposed.add(mode);
			this.#retryLater();
		};
		this.#file = new LogFile(path, onExposed, maxBytes);
	}

	record(event: AuditEvent): void {
		// A log that could not take a refusal stops launches, whatever its level.
		if (!this.#isKept(event)) {
			this.#write(() => this.#file.open());
			return;
		}
		this.#add(event);
		this.#write(() => this.#writeAll());
	}

	/** A chain begins and ends with its server, whatever else it holds. */
	#isKept({ level, operation }: AuditEvent): boolean {
		return (
			AUDIT_LEVELS.indexOf(level) <= this.#threshold ||
			["server_start", "server_stop"].includes(operation)
		);
	}

	commit(event: AuditEvent): void {
		if (this.#waiting.length > 0) this.#write(() => this.#writeAll());
		this.record(event);
	}

	problem(): ProcessError | undefined {
		return this.#problemOf(() => {
			if (this.#waiting.length > 0) this.#writeAll();
			else this.#file.requireWritable();
		});
	}

	requireRoom(): void {
		if (this.#length >= MOST_WAITING) this.#write(() => this.#writeAll());
	}

	close(): void {
		this.#problemOf(() => this.#writeAll());
		clearTimeout(this.#retry);
		this.#retry = undefined;
		const lost = this.#waiting.length + this.#lost;
		if (lost > 0)
			diagnose(`${lost} audit records could not be written: ${this.path}`);
		this.#file.close();
	}

	#add(event: AuditEvent): void {
		if (this.#length >= MOST_WAITING) {
			this.#lost++;
			return;
		}
		if (this.#lost > 0) this.#addLost();
		this.#seal(event);
	}

	/** Once a turn: who changes it all the time must not keep the server writing. */
	#addExposed(): void {
		if (this.#exposed.size === 0) return;
		const modes = [...this.#exposed].join(", ");
		const reason = `the log's mode was ${modes}, and is 600 again`;
		this.#exposed.clear();
		this.#add({ level: "warn", operation: "audit", result: "exposed", reason });
	}

	/** The place of those that there was no room for. */
	#addLost(): void {
		const reason = `records that could neither be written nor kept until they could be: ${this.#lost}`;
		this.#lost = 0;
		this.#seal({ level: "error", operation: "audit", result: "lost", reason });
	}

	#seal(event: AuditEvent): void {
		const record = {
			timestamp: this.now().toISOString(),
			...masked(event),
			seq: this.#seq,
			prev: this.#prev,
		};
		const hash = hashOf(JSON.stringify(record));
		const line = JSON.stringify({ ...record, hash });
		this.#waiting.push(line);
		this.#length += line.length;
		this.#seq++;
		this.#prev = hash;
	}

	/** @throws Error where not all that waits can be written; it is tried again */
	#writeAll(): void {
		let written = 0;
		this.#addExposed();
		try {
			for (const line of this.#waiting) {
				this.#file.append(line);
				written++;
				this.#length -= line.length;
				// It is the next one of the loop.
				if (this.#lost > 0 && written === this.#waiting.length) this.#addLost();
			}
		} catch (error) {
			this.#retryLater();
			throw error;
		} finally {
			this.#waiting.splice(0, written);
		}
	}

	#retryLater(): void {
		this.#retry ??= setTimeout(() => {
			this.#retry = undefined;
			this.#problemOf(() => this.#writeAll());
		}, RETRY).unref();
	}

	#write(action: () => void): void {
		const problem = this.#problemOf(action);
		if (problem) throw problem;
	}

	#problemOf(action: () => void): ProcessError | undefined {
		try {
			action();
			return undefined;
		} catch (error) {
			return new ProcessError(
				"INTERNAL_ERROR",
				`The audit log can't be written, so nothing is started: ${this.path}: ${messageOf(error)}`,
				"The user makes the file writable, sets auditLogPath to another one, or sets enableAuditLog to false.",
				{ auditLogPath: this.path },
			);
		}
	}
}

/** The audit log that a configuration asks for. */
export function createAuditLog(
	config: Pick<Config, "enableAuditLog" | "auditLogPath" | "auditLogLevel">,
	env: Readonly<Record<string, string | undefined>>,
): AuditLog {
	if (!config.enableAuditLog) return noAuditLog;
	return new AuditFile(auditLogPath(config, env), config.auditLogLevel);
}

/** Where a configuration's audit log lies. */
export function auditLogPath(
	config: Pick<Config, "auditLogPath">,
	env: Readonly<Record<string, string | undefined>>,
): string {
	return config.auditLogPath ?? join(stateDirectory(env), "audit.log");
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
