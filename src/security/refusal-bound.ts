import { diagnose, messageOf } from "../errors.ts";
import type { AlertSender } from "./alert.ts";
import type { AuditLog } from "./audit.ts";
import type { AuditEvent } from "./audit-event.ts";

/** Refusals of one minute that are recorded one by one. */
const SINGLY = 600;
const MINUTE = 60_000;

/**
 * A log that takes so many refusals a minute and counts the others, so that an
 * agent can't push what it did out of the log by what it may not do; nothing else
 * bounds how often it is refused. Alerts of refusals are bounded with it.
 */
export class RefusalBound implements AuditLog {
	/** When the minute began, in milliseconds of the clock. */
	#start = Number.NEGATIVE_INFINITY;
	#singly = 0;
	/** Of this minute, those that are only counted, and the last one of them. */
	#counted = 0;
	#last: AuditEvent | undefined;
	#timer: ReturnType<typeof setTimeout> | undefined;

	/** @param alerts what posts refusals, where the user wants that */
	constructor(
		private readonly log: AuditLog,
		private readonly alerts?: Pick<AlertSender, "send">,
		private readonly now = () => performance.now(),
	) {}

	record(event: AuditEvent): void {
		if (event.result !== "refused") {
			this.log.record(event);
			return;
		}
		const now = this.now();
		if (now - this.#start >= MINUTE) {
			this.tellCount();
			this.#start = now;
			this.#singly = 0;
		}
		if (this.#singly < SINGLY) {
			this.#singly++;
			this.#refused(event);
			return;
		}
		this.#counted++;
		this.#last = event;
		const left = this.#start + MINUTE - now;
		this.#timer ??= setTimeout(() => this.tellCount(), left).unref();
	}

	commit(event: AuditEvent): void {
		this.log.commit(event);
	}

	problem() {
		return this.log.problem();
	}

	requireRoom(): void {
		this.log.requireRoom();
	}

	/** Records how many refusals were only counted so far; never throws. */
	tellCount(): void {
		clearTimeout(this.#timer);
		this.#timer = undefined;
		if (!this.#last) return;
		const { reason, ...last } = this.#last;
		const count = this.#counted;
		this.#last = undefined;
		this.#counted = 0;
		try {
			this.#refused({
				...last,
				operation: "refusals",
				reason: `${count} more refusals were not recorded singly, the last one a ${last.operation}: ${reason}`,
			});
		} catch (error) {
			diagnose(messageOf(error));
		}
	}

	close(): void {
		this.tellCount();
		this.log.close();
	}

	#refused(event: AuditEvent): void {
		this.alerts?.send(event);
		this.log.record(event);
	}
}
