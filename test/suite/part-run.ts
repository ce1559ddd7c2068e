import {
	closeSync,
	mkdtempSync,
	openSync,
	readFileSync,
	rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type End, type Outcome, outcomeOf } from "./outcome.ts";

/** Milliseconds that a run has, once it was told to end, to end what it started. */
const GRACE = 5000;

/** What is run, and for how long at most. */
export interface PartRunOptions {
	readonly name: string;
	/** Working directory. */
	readonly folder: string;
	/** Paths of the test files. */
	readonly files: readonly string[];
	/** Milliseconds after which it hangs, is ended, and has failed. */
	readonly bound: number;
}

/** The tests of a part's files, run by a `bun test` of their own. */
export class PartRun {
	readonly #options: PartRunOptions;
	readonly #scratch = mkdtempSync(join(tmpdir(), "mcp-process-suite-"));
	readonly #log = join(this.#scratch, "log");
	readonly #began = performance.now();
	readonly #child: Bun.Subprocess;
	/** Why it was told to end. */
	#stopped: string | undefined;
	/** How it ended, and everything that it wrote. */
	readonly ended: Promise<{ outcome: Outcome; output: string }>;

	constructor(options: PartRunOptions) {
		this.#options = options;
		const { folder, files, bound } = options;
		// One file takes both streams, in order, and never makes a writer wait.
		const log = openSync(this.#log, "a");
		this.#child = Bun.spawn(
			[process.execPath, "test", "--timeout", "90000", ...files],
			{
				cwd: folder,
				stdio: ["ignore", log, log],
				// Ctrl+C is for the suite, which ends its parts in its own manner.
				detached: process.platform !== "win32",
			},
		);
		closeSync(log);
		const timer = setTimeout(
			() => this.stop(`hangs: ended after ${Math.round(bound / 1000)} s`),
			bound,
		);
		this.ended = this.#child.exited
			.then(() => this.#end())
			.finally(() => {
				clearTimeout(timer);
				rmSync(this.#scratch, { recursive: true, force: true });
			});
	}

	/** Ends it; its servers see the end of their input, and end what they started. */
	async stop(why: string): Promise<void> {
		if (this.#stopped !== undefined) return;
		this.#stopped = why;
		const { pid } = this.#child;
		if (process.platform === "win32") {
			Bun.spawnSync(["taskkill", "/PID", String(pid), "/T", "/F"]);
			return;
		}
		this.#child.kill();
		const deadline = performance.now() + GRACE;
		while (signalGroup(pid, 0) && performance.now() < deadline)
			await Bun.sleep(20);
		signalGroup(pid, "SIGKILL");
	}

	#end() {
		const { exitCode, signalCode } = this.#child;
		const end: End =
			this.#stopped ?? exitCode ?? `ended by ${String(signalCode)}`;
		const seconds = (performance.now() - this.#began) / 1000;
		const output = readFileSync(this.#log, "utf8");
		return {
			outcome: outcomeOf(this.#options.name, seconds, output, end),
			output,
		};
	}
}

/** Whether a process group was there to take a signal. */
function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
	try {
		return process.kill(-group, signal);
	} catch {
		return false;
	}
}
