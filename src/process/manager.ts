import type { Config } from "../config/schema.ts";
import { diagnose, messageOf, ProcessError } from "../errors.ts";
import type { Platform } from "../platform/platform.ts";
import type { AuditLog } from "../security/audit.ts";
import type { Ask } from "../security/confirmation.ts";
import type { Admitted, Gate } from "../security/gate.ts";
import { withPlace } from "../security/place.ts";
import type { Limits } from "../security/resources.ts";
import { wantsCapture } from "./capture.ts";
import { holdToLimits, limitsForSystem } from "./enforcement.ts";
import { collectAfterStarts } from "./garbage.ts";
import { Guard } from "./guard.ts";
import { checkInput, feed, noStdin, openInput, whyBroken } from "./input.ts";
import { Journal } from "./journal.ts";
import { calledOff, shuttingDown } from "./launch-failure.ts";
import { launch } from "./launcher.ts";
import { Listeners } from "./listeners.ts";
import { Monitor } from "./monitor.ts";
import { OrphanKeeper } from "./orphans.ts";
import { join, pipesOf } from "./piping.ts";
import { ManagedProcess } from "./process.ts";
import { answerQuestions } from "./screen.ts";
import { identityOf, type StartRequest } from "./start-request.ts";
import { checkTerminal } from "./terminal.ts";
import type { Blame, Cause } from "./termination.ts";
import {
	type TerminationOutcome,
	type TerminationRequest,
	terminate,
} from "./terminator.ts";
import { InputClosedError } from "./write-queue.ts";

/** How a launch is kept that somebody else looks after. */
export interface Keeping {
	/** It may run for longer than `maxProcessLifetime`. */
	readonly isService?: boolean;
	/** It is in nobody's list, and its start and end are recorded for who wants every detail. */
	readonly isHidden?: boolean;
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
	/** Those of whose trees something lives, hidden ones included. */
	readonly #living = new Set<ManagedProcess>();
	/** Told when a process was started or is forgotten. */
	readonly changed = new Listeners();
	/** Told of every tree that is ended for a limit. */
	onBreach: (process: ManagedProcess, blame: Blame) => void = () => {};
	/** Told of every process that is remembered no more. */
	onForget: (process: ManagedProcess) => void = () => {};

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
			() => this.#living.size > 0,
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
		checkTerminal(request, this.platform.terminals);
		const capture = this.#streams(request);
		const admitted = await this.gate.admit(request, ask);
		return this.#start(admitted, request, capture, {});
	}

	/**
	 * Starts what the gate admitted before, or once more; `request` says what is
	 * not the gate's business.
	 *
	 * @throws ProcessError what the system said, or output_not_allowed
	 */
	async startAdmitted(
		admitted: Admitted,
		request: StartRequest,
		keeping: Keeping,
	): Promise<ManagedProcess> {
		const capture = this.#streams(request);
		return (await this.#start(admitted, request, capture, keeping)).process;
	}

	async #start(
		admitted: Admitted,
		request: StartRequest,
		capture: boolean,
		{ isService = false, isHidden = false }: Keeping,
	): Promise<Started> {
		const input =
			this.config.allowStdinInput &&
			(request.stdin !== undefined ||
				request.closeStdin !== true ||
				request.terminal !== undefined);
		try {
			await this.#guard.prepare();
			if (this.#stopping) throw shuttingDown();
			if (request.signal?.aborted) throw calledOff();
			const strict = this.config.strictResourceEnforcement;
			const limits = limitsForSystem(admitted.limits, strict);
			const { terminal, mergeStderr: merge = false } = request;
			const pipes = pipesOf(request, this.config);
			const streams = { capture, merge, input, limits, terminal, ...pipes };
			const launched = launch(admitted, streams, this.platform);
			const process = new ManagedProcess(
				identityOf(
					admitted,
					request,
					isService ? undefined : this.config.maxProcessLifetime,
				),
				launched,
				this.config.maxOutputBufferSize,
				(expired, cause, message) =>
					void this.#endByServer(expired, cause, message),
			);
			if (pipes.source) join(request.source, process);
			if (request.keepOutput) process.stdout.keep();
			answerQuestions(process);
			// A pid that comes again is another process's.
			this.#forget(this.#processes.get(process.pid));
			if (!isHidden) this.#processes.set(process.pid, process);
			this.#living.add(process);
			// The guard ends what is in a control group without being told of each.
			const { isGrouped = false } = process.tree;
			if (!isGrouped) this.#guard.add(process.pid);
			this.#orphans.wake();
			this.#hold(process, admitted.limits);
			feed(process, request, this.journal);
			void process.ended.then(() => this.journal.ended(process, isHidden));
			void process.gone.then(() => {
				this.#living.delete(process);
				if (!isGrouped) this.#guard.remove(process.pid);
				process.tree.forget();
				admitted.release();
				this.#forgetOldest();
			});
			this.journal.started(process, isHidden);
			if (!isHidden) this.changed.call();
			collectAfterStarts();
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
		signal?: AbortSignal,
	): Promise<number> {
		try {
			checkInput(this.config, bytes);
			this.journal.requireRoom();
		} catch (error) {
			this.journal.refused(process, "stdin", error);
			throw withPlace(error, this.gate.policy);
		}
		const input = openInput(process);
		try {
			const written = await input.write(bytes, timeout, signal);
			this.journal.wrote(process, written, bytes.length);
			return written;
		} catch (error) {
			if (!(error instanceof InputClosedError)) throw error;
			throw noStdin(process.pid, whyBroken(process), error.written);
		}
	}

	/** Ends every process and its tree, all at once; nothing is started any more. */
	async stopAll(): Promise<void> {
		this.#stopping = true;
		const ending = [...this.#living].map((process) =>
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
			return wantsCapture(this.config, this.platform, request);
		} catch (error) {
			this.journal.refusedLaunch(request, error);
			throw withPlace(error, this.gate.policy);
		}
	}

	/** Holds a process to its limits until nothing of its tree lives. */
	#hold(process: ManagedProcess, limits: Limits): void {
		const strict = this.config.strictResourceEnforcement;
		holdToLimits(process, limits, strict, this.monitor, (breach) => {
			const { cause, message } = breach;
			this.journal.breached(process, cause, message);
			this.onBreach(process, breach);
			void this.#endByServer(process, cause, message, strict);
		});
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
		// Of those that live there are mostly fewer than of those that have ended.
		const running = [...this.#living].filter(
			({ pid, state }) => state === "running" && this.#processes.has(pid),
		);
		const ended = this.#processes.size - running.length;
		let surplus = ended - this.config.maxFinishedProcesses;
		for (const process of this.#processes.values()) {
			if (surplus <= 0) return;
			if (process.state === "running") continue;
			surplus--;
			if (!process.lives) this.#forget(process);
		}
	}

	#forget(process: ManagedProcess | undefined): void {
		if (!process) return;
		if (this.#processes.delete(process.pid)) this.changed.call();
		this.onForget(process);
	}
}
