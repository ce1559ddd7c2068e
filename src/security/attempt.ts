import type { AllowRule } from "./allowlist.ts";
import type { BuiltEnvironment, Environment } from "./environment.ts";
import type { Executable } from "./executable.ts";
import type { Policy } from "./policy.ts";
import { quote } from "./quote.ts";
import type { LaunchLedger } from "./rate-limit.ts";
import type { Limits } from "./resources.ts";

/** What somebody wants started. */
export interface LaunchRequest {
	readonly executable: string;
	readonly args: readonly string[];
	readonly cwd?: string | undefined;
	readonly env?: Environment | undefined;
	readonly resourceLimits?: Limits | undefined;
	/** Written to its standard input at once, however long it takes to read it. */
	readonly stdin?: string | undefined;
	/** What is started again and again to see whether it is well, and is admitted with it. */
	readonly check?: CheckRequest | undefined;
	/** Who asks: the client's name. */
	readonly agent: string;
}

/** The program that checks another one, in the directory and environment of that one. */
export type CheckRequest = Pick<LaunchRequest, "executable" | "args">;

/** What the system alone can say of a file. */
export interface Probes {
	/** Whether running the file gives privileges by file capabilities (capabilities(7)). */
	hasCapabilities(path: string): boolean;
}

/** A launch on its way through the layers; each adds what it found out. */
export interface Attempt {
	readonly request: LaunchRequest;
	readonly policy: Policy;
	readonly ledger: LaunchLedger;
	readonly probes: Probes;
	readonly now: Date;
	/** How many wrapper programs this one is inside of. */
	readonly depth: number;
	executable?: Executable | undefined;
	/** The entries of the allowlist that name it; all of them hold. */
	rules?: readonly AllowRule[];
	built?: BuiltEnvironment;
	cwd?: string;
	limits?: Limits;
	/** What a wrapper program starts. */
	inner?: Attempt;
	/** What is started to check it. */
	check?: Attempt;
}

/** One question that a launch is asked. */
export interface Layer {
	readonly name: string;
	/**
	 * Returns why the launch passes, for a person who asks.
	 *
	 * @throws ProcessError to refuse it
	 */
	check(attempt: Attempt): string;
}

/** An executable as messages name it: as it was asked for, and what that really is. */
export function describe(
	requested: string,
	executable: Executable | undefined,
): string {
	const real = executable?.real;
	const shown = quote(requested);
	return real === undefined || real === requested
		? shown
		: `${shown} (${real})`;
}
