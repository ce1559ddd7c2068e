import { ProcessError, shorten } from "../errors.ts";
import type { Attempt } from "./attempt.ts";
import type { AuditLog } from "./audit.ts";
import type { Executable } from "./executable.ts";
import { LAYERS } from "./layers.ts";
import { withPlace } from "./place.ts";

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

/** The layer that comes after all others, in which the user is asked. */
export const CONFIRMATION = "confirmation";
/** Characters of a reason that an explanation gives. */
const LONGEST_REASON = 1000;

/** What each layer but the user's confirmation says of a launch; all are asked, whatever one says. */
export function explainLayers(attempt: Attempt): readonly Verdict[] {
	return LAYERS.map((layer): Verdict => {
		try {
			const reason = layer.check(attempt);
			return { layer: layer.name, verdict: "pass", reason };
		} catch (thrown) {
			const error = withPlace(thrown, attempt.policy, attempt.rules);
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
}

/** What comes after all layers: the user's confirmation, and the log, where it can't be written. */
export function closingWords(
	asks: boolean,
	canAsk: boolean,
	audit: AuditLog,
): readonly Verdict[] {
	return [confirmationWord(asks, canAsk), ...auditWord(audit)];
}

function confirmationWord(asks: boolean, canAsk: boolean): Verdict {
	return asks && !canAsk
		? {
				layer: CONFIRMATION,
				verdict: "refuse",
				reason: "the user has to confirm it, and this client can't ask",
			}
		: {
				layer: CONFIRMATION,
				verdict: asks ? "ask" : "pass",
				reason: asks ? "the user is asked" : "not required",
			};
}

/** What the log says, without which nothing starts; nothing where it can be written. */
function auditWord(audit: AuditLog): readonly Verdict[] {
	const problem = audit.problem();
	if (!problem) return [];
	const { message: reason, remediation } = problem;
	return [{ layer: "audit", verdict: "refuse", reason, remediation }];
}

export function conclude(
	attempt: Attempt,
	judged: readonly Verdict[],
	closing: readonly Verdict[],
): Explanation {
	const layers = [...judged, ...closing];
	const allowed = layers.every(({ verdict }) => verdict !== "refuse");
	return { allowed, executable: attempt.executable, layers };
}
