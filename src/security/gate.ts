import { ProcessError, shorten, violation } from "../errors.ts";
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
	areSameFiles,
	argv0Of,
	innerOf,
	isPassed,
	judge,
	type Passed,
	runLayer,
} from "./judge.ts";
import { COUNTING_LAYERS, LAYERS } from "./layers.ts";
import { withPlace } from "./place.ts";
import type { Policy } from "./policy.ts";
import type { LaunchLedger, Release } from "./rate-limit.ts";
import type { Limits } from "./resources.ts";

/**
 * A launch that passed every layer, with exactly the file, arguments,
 * environment and directory that passed. Only the gate can make one, and
 * nothing starts a process without one.
 */
class AdmittedLaunch {
	readonly #release: Release;

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
		release: Release,
	) {
		this.#release = release;
		for (const part of [executable, inner, args, env, limits, warnings, this])
			Object.freeze(part);
	}

	/** Gives its place among the running processes back; to be called once it has ended. */
	release(): void {
		this.#release();
	}
}

export type Admitted = AdmittedLaunch;

/** One layer's word on a launch. */
export interface Verdict {
	readonly layer: string;
	readonly verdict: "pass" | "ask" | "refuse";
	readonly reason: string;
	/** Of a refusal: what can be done. */
	readonly remediation?: string;
}

/** What a launch would meet. */
export interface Explanation {
	readonly allowed: boolean;
	readonly executable: Executable | undefined;
	readonly layers: readonly Verdict[];
}

const CONFIRMATION = "confirmation";
/** Questions that a user can be asked at one time. */
const MOST_QUESTIONS = 10;
/** Characters of a reason that an explanation gives. */
const LONGEST_REASON = 1000;

/** The one way to start anything. */
export class Gate {
	readonly #approvals: Approvals;
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
		} catch (error) {
			this.#recordRefusal(attempt, error);
			throw error;
		}
		const { executable, built, cwd, limits } = passed;
		this.audit.record({
			level: "info",
			operation: "launch",
			executable: executable.real,
			args: request.args,
			cwd,
			agent: request.agent,
			result: "admitted",
		});
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
			this.ledger.enter(request.agent),
		);
	}

	/**
	 * Every layer's word on a launch, starting and recording nothing.
	 *
	 * @param canAsk whether the user can be asked
	 */
	explain(request: LaunchRequest, canAsk = true): Explanation {
		const attempt = this.#attempt(request);
		const layers = LAYERS.map((layer): Verdict => {
			try {
				const reason = layer.check(attempt);
				return { layer: layer.name, verdict: "pass", reason };
			} catch (thrown) {
				const error = withPlace(thrown, this.policy, attempt.rules);
				if (!(error instanceof ProcessError)) throw error;
				const { message, remediation } = error;
				return {
					layer: layer.name,
					verdict: "refuse",
					reason: shorten(message, LONGEST_REASON),
					remediation,
				};
			}
		});
		const asks = isPassed(attempt) && this.#needsApproval(attempt);
		layers.push(
			asks && !canAsk
				? {
						layer: CONFIRMATION,
						verdict: "refuse",
						reason: "the user has to confirm it, and this client can't ask",
					}
				: {
						layer: CONFIRMATION,
						verdict: asks ? "ask" : "pass",
						reason: asks ? "the user is asked" : "not required",
					},
		);
		const allowed = layers.every(({ verdict }) => verdict !== "refuse");
		return { allowed, executable: attempt.executable, layers };
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
		return inner !== undefined && this.#needsApproval(inner);
	}

	/** The launch as it is after the user approved it, which has to be what was shown. */
	async #approved(
		request: LaunchRequest,
		shown: Passed,
		ask: Ask | undefined,
	): Promise<Passed> {
		if (this.#asking >= MOST_QUESTIONS) throw tooManyQuestions();
		const { executable, cwd, built } = shown;
		const { args, stdin, agent } = request;
		const file = executable.real;
		const env = Object.fromEntries(
			Object.entries(request.env ?? {}).filter(
				([name, value]) => built.env[name] === value,
			),
		);
		this.#asking++;
		try {
			const calledAs = argv0Of(shown);
			const inner = innerOf(shown).map(({ real }) => real);
			const launch = { file, calledAs, inner, args, cwd, env, stdin, agent };
			await requireApproval(ask, launchQuestion(launch));
		} catch (error) {
			throw withPlace(error, this.policy, shown.rules, CONFIRMATION);
		} finally {
			this.#asking--;
		}
		// The world went on while the user thought.
		const now = judge(this.#attempt(request));
		if (now.cwd !== cwd || !areSameFiles(now, shown)) {
			throw violation(
				"unsafe_location",
				`${file} or its directory was changed while the user was asked`,
				"Start it again, and let the user confirm what it is now.",
				{ executable: file, layer: CONFIRMATION },
			);
		}
		this.#approvals.add(file);
		return now;
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
