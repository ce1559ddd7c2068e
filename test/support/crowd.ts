import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fixture, PYTHON } from "./programs.ts";
import { Scratch } from "./server.ts";

const NAMESPACE = ["unshare", "-pf", "--mount-proc", "--kill-child"];
const PIDS = "420";

/** Whether a pid namespace can have a pid_max of its own (since Linux 6.14). */
export const canReusePids =
	process.platform === "linux" &&
	Bun.spawnSync([
		...NAMESPACE,
		...["sh", "-c", `echo ${PIDS} >/proc/sys/kernel/pid_max`],
	]).success &&
	Number(readFileSync("/proc/sys/kernel/pid_max", "utf8")) > Number(PIDS);

/** What a crowd saw until the server that was in it ended. */
export interface CrowdReport {
	/** How many strangers there were. */
	readonly strangers: number;
	/** Those that ended one of them. */
	readonly signals: readonly number[];
	/** The server's, as the system has it. */
	readonly status: number;
}

/** Strangers that come and go in a namespace of few pids, so that every pid comes again at once. */
export class Crowd implements Disposable {
	readonly #scratch = new Scratch();
	readonly #report = join(this.#scratch.path, "report.json");

	/** The command that the server's own is appended to. */
	readonly wrapper: readonly string[] = [
		...NAMESPACE,
		...[PYTHON, fixture("crowd.py"), PIDS, this.#report],
	];

	/** What it saw; there once the server has ended. */
	report(): CrowdReport {
		return JSON.parse(readFileSync(this.#report, "utf8"));
	}

	[Symbol.dispose](): void {
		this.#scratch[Symbol.dispose]();
	}
}
