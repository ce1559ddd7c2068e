import { ProcessError } from "../errors.ts";
import type { Attempt, LaunchRequest, Layer, Probes } from "./attempt.ts";
import type { AuditLog } from "./audit.ts";
import type { Environment } from "./environment.ts";
import type { Executable } from "./executable.ts";
import { LAYERS } from "./layers.ts";
import type { Policy } from "./policy.ts";
import type { LaunchLedger, Release } from "./rate-limit.ts";

/**
 * A launch that passed every layer, with exactly the file, arguments,
 * environment and directory that passed. Only the gate can make one, and
 * nothing starts a process without one.
 */
class AdmittedLaunch {
	readonly #release: Release;

	constructor(
		readonly executable: Executable,
		readonly args: readonly string[],
		readonly env: Environment,
		/** Absolute, links resolved. */
		readonly cwd: string,
		readonly agent: string,
		/** What the caller should know that was changed. */
		readonly warnings: readonly string[],
		release: Release,
	) {
		this.#release = release;
		Object.freeze(this);
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
	readonly verdict: "pass" | "refuse" | "skipped";
	readonly reason: string;
}

/** The one way to start anything. */
export class Gate {
	constructor(
		readonly policy: Policy,
		private readonly ledger: LaunchLedger,
		private readonly audit: AuditLog,
		private readonly probes: Probes,
	) {}

	/**
	 * Judges a launch, layer by layer; the first refusal ends it.
	 *
	 * @throws ProcessError naming the layer in `details.layer`
	 */
	async admit(request: LaunchRequest): Promise<Admitted> {
		const attempt = this.#attempt(request);
		try {
			for (const layer of LAYERS) runLayer(layer, attempt);
		} catch (error) {
			this.#recordRefusal(attempt, error);
			throw error;
		}
		const { executable, built, cwd } = attempt;
		if (!executable || !built || cwd === undefined)
			throw new Error("a layer passed a launch without judging it");
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
			[...request.args],
			built.env,
			cwd,
			request.agent,
			built.warnings,
			this.ledger.enter(request.agent),
		);
	}

	#attempt(request: LaunchRequest): Attempt {
		return {
			request,
			policy: this.policy,
			ledger: this.ledger,
			probes: this.probes,
			depth: 0,
		};
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

function runLayer(layer: Layer, attempt: Attempt): void {
	try {
		layer.check(attempt);
	} catch (error) {
		if (!(error instanceof ProcessError)) throw error;
		throw new ProcessError(error.code, error.message, error.remediation, {
			...error.details,
			layer: layer.name,
		});
	}
}
