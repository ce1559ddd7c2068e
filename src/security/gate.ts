import { ProcessError } from "../errors.ts";
import { means } from "./allowlist.ts";
import type { Attempt, LaunchRequest, Probes } from "./attempt.ts";
import type { AuditLog } from "./audit.ts";
import {
	Approvals,
	type Ask,
	launchQuestion,
	requireApproval,
	tooManyQuestions,
} from "./confirmation.ts";
import type { Environment } from "./environment.ts";
import type { Executable } from "./executable.ts";
import {
	CONFIRMATION,
	closingWords,
	conclude,
	type Explanation,
	explainLayers,
} from "./explanation.ts";
import {
	argv0Of,
	innerOf,
	judge,
	type Passed,
	requireSame,
	runLayer,
	shownFiles,
} from "./judge.ts";
import { COUNTING_LAYERS, STANDING_LAYERS } from "./layers.ts";
import { withPlace } from "./place.ts";
import type { Policy } from "./policy.ts";
import type { Keeper, LaunchLedger, Place } from "./rate-limit.ts";
import type { Limits } from "./resources.ts";

/**
 * A launch that passed every layer, with exactly the file, arguments,
 * environment and directory that passed. Only the gate can make one, and
 * nothing starts a process without one.
 */
class AdmittedLaunch {
	#place: Place | undefined;

	constructor(
		readonly executable: Executable,
		/** What the program is told that it is called. */
		readonly argv0: string,
		/** The files that it starts, where it is a wrapper. */
		readonly inner: readonly Executable[],
		readonly args: readonly string[],
		readonly env: Environment,
		/** Absolute, links resolved. */
		readonly cwd: string,
		readonly agent: string,
		/** What its tree is held to. */
		readonly limits: Limits,
		/** What the caller should know that was changed. */
		readonly warnings: readonly string[],
		place: Place | undefined,
	) {
		this.#place = place;
		for (const part of [executable, inner, args, env, limits, warnings, this])
			Object.freeze(part);
	}

	/** Gives its place among the running processes back; to be called once it has ended. */
	release(): void {
		this.#place?.release();
	}

	/** Keeps its place beyond the end of its process; what this gives gives it back. */
	keepPlace(keeper: Keeper): () => void {
		const place = this.#place;
		this.#place = undefined;
		if (place) place.keeper = keeper;
		return () => place?.release();
	}
}

export type Admitted = AdmittedLaunch;

/** Questions that a user can be asked at one time. */
const MOST_QUESTIONS = 10;

/** The one way to start anything. */
export class Gate {
	readonly #approvals: Approvals;
	/** What each launch that was admitted passed with. */
	readonly #admitted = new WeakMap<Admitted, Passed>();
	/** Questions that the user has before them. */
	#asking = 0;

	constructor(
		readonly policy: Policy,
		private readonly ledger: LaunchLedger,
		private readonly audit: AuditLog,
		private readonly probes: Probes,
		private readonly clock: () => Date = () => new Date(),
	) {
		this.#approvals = new Approvals(policy.config.autoApproveAfterCount);
	}

	/**
	 * Judges a launch, layer by layer; the first refusal ends it.
	 *
	 * @param ask how to ask the user, where the client can
	 * @throws ProcessError naming the layer in `details.layer`
	 */
	async admit(request: LaunchRequest, ask?: Ask): Promise<Admitted> {
		const attempt = this.#attempt(request);
		let passed: Passed;
		try {
			passed = judge(attempt);
			if (this.#needsApproval(passed)) {
				passed = await this.#approved(request, passed, ask);
				// Others may have been let in since; from here to enter() is one turn.
				for (const layer of COUNTING_LAYERS) runLayer(layer, passed);
			}
			this.#record(passed, "info", "admitted");
		} catch (error) {
			this.#recordRefusal(attempt, error);
			throw error;
		}
		const admitted = launchOf(passed, this.ledger.enter(request.agent));
		this.#admitted.set(admitted, passed);
		return admitted;
	}

	/**
	 * Counts a start, that an agent asks for, of what it holds a place for: restarts
	 * that a service makes by itself are bounded by its policy, but an agent's are not.
	 *
	 * @throws ProcessError RATE_LIMIT_EXCEEDED
	 */
	countRestart(): void {
		this.ledger.checkRate();
		this.ledger.count();
	}

	/**
	 * Judges once more what was admitted, for a service that is started again: by
	 * every layer but those that count launches. It has no place of its own (see
	 * `keepPlace`). The user is not asked again, so what had to be confirmed has to
	 * be the very file that was.
	 *
	 * @throws ProcessError as `admit`
	 */
	readmit(admitted: Admitted): Admitted {
		const { check: _, ...known } = this.#passed(admitted);
		return this.#again(known, "info");
	}

	/** The same for the check that was admitted with a launch. */
	readmitCheck(admitted: Admitted): Admitted {
		const { check } = this.#passed(admitted);
		if (!check) throw new Error("no check was admitted with this launch");
		// They come so often that they would push all else out of the log.
		return this.#again(check, "debug");
	}

	#passed(admitted: Admitted): Passed {
		const passed = this.#admitted.get(admitted);
		if (!passed) throw new Error("this launch was not admitted here");
		return passed;
	}

	#again(known: Passed, level: "info" | "debug"): Admitted {
		const { check: _, ...request } = known.request;
		const attempt = this.#attempt(request);
		try {
			const passed = judge(attempt, STANDING_LAYERS);
			if (this.#needsApproval(passed)) requireSame(passed, known, "after");
			this.#record(passed, level, "readmitted");
			return launchOf(passed);
		} catch (error) {
			this.#recordRefusal(attempt, error);
			throw error;
		}
	}

	/**
	 * Every layer's word on a launch, starting and recording nothing.
	 *
	 * @param canAsk whether the user can be asked
	 */
	explain(request: LaunchRequest, canAsk = true): Explanation {
		const attempt = this.#attempt(request);
		const layers = explainLayers(attempt);
		const asks = this.#needsApproval(attempt);
		return conclude(attempt, layers, closingWords(asks, canAsk, this.audit));
	}

	#attempt(request: LaunchRequest): Attempt {
		return {
			request,
			policy: this.policy,
			ledger: this.ledger,
			probes: this.probes,
			now: this.clock(),
			depth: 0,
		};
	}

	/** Whether the user is to be asked about a launch, or about what its wrappers start. */
	#needsApproval(attempt: Attempt): boolean {
		const { executable, rules = [], policy, inner } = attempt;
		const { requireConfirmation, requireConfirmationFor } = policy.config;
		const required =
			requireConfirmation ||
			rules.some((rule) => rule.requireConfirmation === true) ||
			requireConfirmationFor.some(
				(entry) => executable && means(entry, executable, policy.searchPath),
			);
		const isSettled = executable && this.#approvals.suffices(executable.real);
		if (required && !isSettled) return true;
		return [inner, attempt.check].some(
			(part) => part !== undefined && this.#needsApproval(part),
		);
	}

	/** The launch as it is after the user approved it, which has to be what was shown. */
	async #approved(
		request: LaunchRequest,
		shown: Passed,
		ask: Ask | undefined,
	): Promise<Passed> {
		if (this.#asking >= MOST_QUESTIONS) throw tooManyQuestions();
		const { executable, cwd, built } = shown;
		const { stdin, agent } = request;
		const file = executable.real;
		const env = Object.fromEntries(
			Object.entries(request.env ?? {}).filter(
				([name, value]) => built.env[name] === value,
			),
		);
		this.#asking++;
		try {
			const check = shown.check && shownFiles(shown.check);
			const launch = { ...shownFiles(shown), cwd, env, stdin, check, agent };
			await requireApproval(ask, launchQuestion(launch));
		} catch (error) {
			throw withPlace(error, this.policy, shown.rules, CONFIRMATION);
		} finally {
			this.#asking--;
		}
		// The world went on while the user thought.
		const now = judge(this.#attempt(request));
		requireSame(now, shown, "while");
		this.#approvals.add(file);
		return now;
	}

	#record(passed: Passed, level: "info" | "debug", result: string): void {
		const { executable, request, cwd } = passed;
		// What looks after a process that runs goes on while records wait.
		this.audit[level === "debug" ? "record" : "commit"]({
			level,
			operation: "launch",
			executable: executable.real,
			args: request.args,
			cwd,
			agent: request.agent,
			result,
		});
	}

	#recordRefusal(attempt: Attempt, error: unknown): void {
		const { request, executable } = attempt;
		const known = error instanceof ProcessError;
		this.audit.record({
			level: known ? "warn" : "error",
			operation: "launch",
			executable: executable?.real ?? request.executable,
			args: request.args,
			cwd: attempt.cwd ?? request.cwd,
			agent: request.agent,
			result: "refused",
			reason: known
				? `${String(error.details?.violation ?? error.code)}: ${error.message}`
				: String(error),
		});
	}
}

function launchOf(passed: Passed, place?: Place): Admitted {
	const { request, executable, built, cwd, limits } = passed;
	return new AdmittedLaunch(
		executable,
		argv0Of(passed),
		innerOf(passed),
		[...request.args],
		built.env,
		cwd,
		request.agent,
		limits,
		built.warnings,
		place,
	);
}
