import { systemCode } from "../errors.ts";
import type { Signal } from "./platform.ts";

/**
 * Sends a signal to a process, or to a group by its negative pid (kill(2));
 * 0 only asks whether there is one.
 *
 * @returns false where there is nobody to get it
 * @throws Error where the system refuses for another reason
 */
export function sendSignal(target: number, signal: Signal | 0): boolean {
	// To signal 0 or -1 would be to signal this server's own group, or everybody.
	if (!Number.isSafeInteger(target) || Math.abs(target) <= 1)
		throw new RangeError(`refusing to signal ${target}`);
	try {
		process.kill(target, signal);
		return true;
	} catch (error) {
		const code = systemCode(error);
		if (code === "ESRCH") return false;
		// A member that changed its user: it lives, but is out of reach.
		if (code === "EPERM") return true;
		throw error;
	}
}
