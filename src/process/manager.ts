import type { Config } from "../config/schema.ts";
import { diagnose, messageOf, ProcessError } from "../errors.ts";
import type { Platform } from "../platform/platform.ts";
import type { LaunchRequest } from "../security/attempt.ts";
import type { AuditLog } from "../security/audit.ts";
import type { Ask } from "../security/confirmation.ts";
import type { Gate } from "../security/gate.ts";
import { withPlace } from "../security/place.ts";
import type { Limits } from "../security/resources.ts";
import { Guard } from "./guard.ts";
import {
	captures,
	checkInput,
	noStdin,
	openInput,
	whyClosed,
} from "./input.ts";
import { Journal } from "./journal.ts";
import { launch } from "./launcher.ts";
import { LimitJudge } from "./limits.ts";
import { Listeners } from "./listeners.ts";
import { Monitor } from "./monitor.ts";
import { OrphanKeeper } from "./orphans.ts";
import { ManagedProcess } from "./process.ts";
import { InputClosedError } from "./stdin.ts";
import type { Blame, Cause } from "./termination.ts";
import {
	type TerminationOutcome,
	type TerminationRequest,
	terminate,
} from "./terminator.ts";

export interface StartRequest extends LaunchRequest {
	readonly name?: string | undefined;
	/** Milliseconds after which the tree is ended. */
	readonly timeout?: number | undefined;
	readonly captureOutput?: boolean | undefined;
	/** Close standard input after `stdin`, or at once. */
	readonly closeStdin?: boolean | undefined;
	/** One pipe for standard output and error, read as standard output. */
	readonly mergeStderr?: boolean | undefined;
}

export interface Started {
	readonly process: ManagedProcess;
	readonly warnings: readonly string[];
}

/** Grace of the server's own terminations (a deadline, the shutdown), in milliseconds. */
const SERVER_GRACE = 2000;

/** The table of the processes started here. */
export class ProcessManager {
	readonly monitor = new Monitor();
	/** In the order of their starts. */
	readonly #processes = new Map<number, ManagedProcess>();
	readonly journal: Journal;
	readonly #guard: Guard;
	readonly #orphans: OrphanKeeper;
	#stopping = false;
	/** How many trees something lives of. */
	#trees = 0;
	/** Told when a process was started or is forgotten. */
	readonly changed = new Listeners();
	/** Told of every tree that is ended for a limit. */
	onBreach: (process: ManagedProcess, blame: Blame) => void = () => {};

	constructor(
		readonly config: Config,
		readonly gate: Gate,
		private readonly platform: Platform,
		audit: AuditLog,
	) {
		this.journal = new Journal(audit);
		this.#guard = new Guard(platform);
		this.#orphans = new OrphanKeeper(
			platform,
			this.#guard,
			() => this.#trees > 0,
		);
	}

	/**
	 * Starts a process, if the gate admits it.
	 *
	 * @param ask how to ask the user, where the client can
	 * @throws ProcessError what the gate or the system said, or stdin_not_allowed,
	 *   output_not_allowed
	 */
	async start(request: StartRequest, ask?: Ask): Promise<Started> {
		const capture = this.#streams(request);
		const admitted = await this.gate.admit(request, ask);
		const input =
			this.config.allowStdinInput &&
			(request.stdin !== undefined || request.closeStdin !== true);
		try {
			await this.#guard.prepare();
			if (this.#stopping) throw shuttingDown();
			const limits = this.#systemLimits(admitted.limits);
			const merge = request.mergeStderr === true;
			const streams = { capture, merge, input, limits };
			const launched = launch(admitted, streams, this.platform);
			const process = new ManagedProcess(
				{
					name: request.name,
					command: request.executable,
					file: admitted.executable.real,
					args: admitted.args,
					cwd: admitted.cwd,
					agent: admitted.agent,
					limits: admitted.limits,
					deadlines: {
						...(request.timeout !== undefined && { timeout: request.timeout }),
						lifetime: this.config.maxProcessLifetime * 1000,
					},
				},
				launched,
				this.config.maxOutputBufferSize,
				(expired, cause, message) =>
					void this.#endByServer(expired, cause, message),
			);
			this.#processes.delete(process.pid);
			this.#processes.set(process.pid, process);
			this.#trees++;
			this.#guard.add(process.pid);
			this.#orphans.wake();
			this.#hold(process, admitted.limits);
			this.#feed(process, request);
			void process.ended.then(() => this.journal.ended(process));
			void process.gone.then(() => {
				this.#trees--;
				this.#guard.remove(process.pid);
				process.tree.forget();
				admitted.release();
				this.#forgetOldest();
			});
			this.journal.started(process);
			this.changed.call();
			return { process, warnings: admitted.warnings };
		} catch (error) {
			admitted.release();
			this.journal.failed(admitted, error);
			throw error;
		}
	}

	/** @throws ProcessError PROCESS_NOT_FOUND */
	get(pid: number): ManagedProcess {
		const process = this.#processes.get(pid);
		if (process) return process;
		throw new ProcessError(
			"PROCESS_NOT_FOUND",
			`Process ${pid} not found`,
			"process_list shows the processes started here; an ended one is remembered only for a while (maxFinishedProcesses).",
			{ pid },
		);
	}

	list(): readonly ManagedProcess[] {
		return [...this.#processes.values()];
	}

	/** Ends a process and its tree; see `terminate`. */
	async terminate(
		process: ManagedProcess,
		request: TerminationRequest,
	): Promise<TerminationOutcome> {
		const outcome = await terminate(process, request);
		this.journal.terminated(process, outcome, request.message);
		return outcome;
	}

	/** Writes to a process's standard input; see `InputStream.write`. */
	async write(
		process: ManagedProcess,
		bytes: Uint8Array,
		timeout: number,
	): Promise<number> {
		try {
			checkInput(this.config, bytes);
		} catch (error) {
			this.journal.refused(process, "stdin", error);
			throw withPlace(error, this.gate.policy);
		}
		const input = openInput(process);
		try {
			const written = await input.write(bytes, timeout);
			this.journal.wrote(process, written, bytes.length);
			return written;
		} catch (error) {
			if (!(error instanceof InputClosedError)) throw error;
			throw noStdin(process.pid, whyClosed(process), error.written);
		}
	}

	/** Ends every process and its tree, all at once; nothing is started any more. */
	async stopAll(): Promise<void> {
		this.#stopping = true;
		const ending = this.list()
			.filter(lives)
			.map((process) =>
				this.#endByServer(process, "shutdown", "ended as the server stopped"),
			);
		await Promise.all(ending);
		await this.#orphans.endAll();
		this.#guard.close();
		this.platform.release();
	}

	/** Whether output is captured; refuses streams that the policy does not allow. */
	#streams(request: StartRequest): boolean {
		try {
			if (request.stdin !== undefined)
				checkInput(this.config, Buffer.from(request.stdin));
			return captures(this.config, this.platform, request);
		} catch (error) {
			this.journal.refusedLaunch(request, error);
			throw withPlace(error, this.gate.policy);
		}
	}

	/** Where CPU above the limit is to end a tree, the system must not keep it below. */
	#systemLimits(limits: Limits): Limits {
		return this.config.strictResourceEnforcement
			? { ...limits, maxCpuPercent: undefined }
			: limits;
	}

	/** Looks after a process and holds it to its limits until nothing of its tree lives. */
	#hold(process: ManagedProcess, limits: Limits): void {
		const { maxFileDescriptors, ...sampled } = limits;
		if (maxFileDescriptors !== undefined)
			process.tree.limitDescriptors(maxFileDescriptors);
		const strict = this.config.strictResourceEnforcement;
		const judge = new LimitJudge(process, sampled, strict, (breach) => {
			const { cause, message } = breach;
			this.journal.breached(process, cause, message);
			this.onBreach(process, breach);
			void this.#endByServer(process, cause, message, strict);
		});
		const isHeld = Object.values(sampled).some((limit) => limit !== undefined);
		this.monitor.watch(
			process,
			isHeld ? (sample) => judge.judge(sample) : undefined,
		);
	}

	#feed(process: ManagedProcess, request: StartRequest): void {
		const { stdin } = process;
		if (!stdin) return;
		// A process that ends without reading it all loses only what it didn't want.
		if (request.stdin) {
			const bytes = Buffer.from(request.stdin);
			stdin
				.write(bytes, Number.POSITIVE_INFINITY)
				.then((written) => this.journal.wrote(process, written, bytes.length))
				.catch(() => this.journal.wrote(process, 0, bytes.length));
		}
		if (request.closeStdin) void stdin.end();
	}

	async #endByServer(
		process: ManagedProcess,
		cause: Cause,
		message: string,
		force = false,
	): Promise<void> {
		await this.terminate(process, {
			cause,
			message,
			force,
			grace: SERVER_GRACE,
			mayKill: true,
		}).catch((error: unknown) => {
			diagnose(`${process.pid}: ${messageOf(error)}`);
		});
	}

	/** Ended processes go, oldest first, unless something of their tree still lives. */
	#forgetOldest(): void {
		const ended = this.list().filter(({ state }) => state !== "running");
		const surplus = ended.length - this.config.maxFinishedProcesses;
		for (const process of ended.slice(0, Math.max(0, surplus)))
			if (!lives(process) && this.#processes.delete(process.pid))
				this.changed.call();
	}
}

function lives(process: ManagedProcess): boolean {
	return process.state === "running" || process.tree.alive().length > 0;
}

function shuttingDown(): ProcessError {
	return new ProcessError(
		"SPAWN_FAILED",
		"The server is stopping; nothing is started any more",
		"Start it anew once the server is back.",
	);
}
