import { isUtf8 } from "node:buffer";
import type { Config } from "../config/schema.ts";
import { messageOf, ProcessError, violation } from "../errors.ts";
import { checkInput, openInput } from "../process/input.ts";
import type { ManagedProcess } from "../process/process.ts";
import type { InputStream } from "../process/stdin.ts";
import { incompleteTail } from "../process/text.ts";

/** What becomes of a stage's output on its way to the next stage. */
export const FLOWS = [
	"piped",
	"passing",
	"ended",
	"broken",
	"refused",
] as const;
export type Flow = (typeof FLOWS)[number];

type InputPolicy = Pick<
	Config,
	"allowStdinInput" | "blockBinaryStdin" | "allowOutputCapture"
>;

/**
 * Refuses pipelines where agents may not write to processes: what feeds one
 * process with another's output does just that.
 *
 * @throws ProcessError SECURITY_VIOLATION stdin_not_allowed
 */
export function checkPipelinesAllowed(config: InputPolicy): void {
	checkInput(config, new Uint8Array(0));
}

/** @throws ProcessError OUTPUT_NOT_CAPTURED or PIPELINE_DATA_LOST where nothing can follow a stage */
export function checkCanFeed(
	process: ManagedProcess,
	{ allowOutputCapture }: Pick<Config, "allowOutputCapture">,
): void {
	const { pid, captured, stdout } = process;
	if (process.pipedTo !== undefined) throw pipedAway(process);
	if (!captured) {
		throw new ProcessError(
			"OUTPUT_NOT_CAPTURED",
			`Output of process ${pid} is discarded, so it can't feed the next stage`,
			allowOutputCapture
				? "Start it anew with captureOutput: true."
				: "The user's policy discards output, so that nothing can feed another process; or the user sets allowOutputCapture to true.",
			{ pid },
		);
	}
	if (stdout.start === 0) return;
	throw new ProcessError(
		"PIPELINE_DATA_LOST",
		`The first ${stdout.start} bytes of the output of process ${pid} are no longer kept, so the next stage can't have them`,
		"Start it anew with groupId and without waitFor: then its output waits for the next stage. Or the user raises maxOutputBufferSize.",
		{ pid, dropped: stdout.start },
	);
}

/** Who wants to read what another process reads. */
export function pipedAway({ pid, pipedTo }: ManagedProcess): ProcessError {
	return new ProcessError(
		"OUTPUT_NOT_CAPTURED",
		`Standard output of process ${pid} was not captured: it feeds process ${pipedTo} through a pipe`,
		"Read the last stage's output, or this one's standard error (process_get_output with stream: stderr). To read in between, add stages with process_add_to_group.",
		{ pid, pipedTo },
	);
}

/**
 * Has a process's standard output read here, if it isn't yet.
 *
 * @throws ProcessError OUTPUT_NOT_CAPTURED where another process reads it
 */
export function openOutput(process: ManagedProcess): Promise<void> {
	if (process.pipedTo !== undefined) throw pipedAway(process);
	return process.openOutput();
}

/** What passes from one stage to the next. */
export interface Passage {
	readonly flow: Flow;
	/** Bytes that the next stage has taken; undefined where only the system sees them. */
	readonly bytes: number | undefined;
	/** Why it was cut. */
	readonly reason: string | undefined;
	/** Resolves when nothing passes any more; never rejects. */
	readonly done: Promise<void>;
}

/** Ends that lie no further apart than that tell no order. */
const TOGETHER_MS = 5;

/** What passes by a kernel pipe between two children; the server has no part in it. */
export class KernelPassage implements Passage {
	readonly bytes = undefined;
	readonly reason = undefined;
	readonly done: Promise<void>;

	constructor(
		private readonly from: ManagedProcess,
		private readonly to: ManagedProcess,
	) {
		this.done = to.ended;
	}

	/**
	 * As their ends tell it: who writes to a reader that has ended finds a broken
	 * pipe, and dies of it or says so by its exit code. A reader that ended first
	 * is no sign alone: the last thing that an ending writer does is to give it the
	 * end of its input, and whose end is heard of first is chance.
	 */
	get flow(): Flow {
		const [left, taken] = [this.from.termination, this.to.termination];
		if (left?.signal === "SIGPIPE") return "broken";
		if (this.from.tree.alive().length > 0) return taken ? "broken" : "piped";
		if (!left || !taken || left.exitCode === 0) return "ended";
		const later = left.endedAt.getTime() - taken.endedAt.getTime();
		return later > TOGETHER_MS ? "broken" : "ended";
	}
}

/** One stage's standard output on its way to the next one's standard input, from its first byte. */
export class Joint implements Passage {
	#flow: Flow = "passing";
	#bytes = 0;
	#reason: string | undefined;
	/** Resolves when nothing passes any more; never rejects. */
	readonly done: Promise<void>;

	/** @throws ProcessError OUTPUT_NOT_CAPTURED, PIPELINE_DATA_LOST or STDIN_NOT_AVAILABLE */
	constructor(
		readonly from: ManagedProcess,
		readonly to: ManagedProcess,
		config: InputPolicy,
	) {
		checkCanFeed(from, config);
		const input = openInput(to);
		to.fedBy = from.pid;
		from.stdout.keep().claim();
		void from.openOutput();
		void to.gone.then(() => this.#stop("broken"));
		const text = config.blockBinaryStdin ? new TextCheck() : undefined;
		this.done = this.#run(input, text).catch((error: unknown) => {
			this.#reason = messageOf(error);
			this.#stop(error instanceof ProcessError ? "refused" : "broken");
		});
	}

	get flow(): Flow {
		return this.#flow;
	}

	/** Bytes that the next stage's pipe took. */
	get bytes(): number {
		return this.#bytes;
	}

	/** Why it was cut. */
	get reason(): string | undefined {
		return this.#reason;
	}

	async #run(input: InputStream, text: TextCheck | undefined): Promise<void> {
		const { stdout } = this.from;
		for (;;) {
			const bytes = stdout.view(this.#bytes);
			if (bytes.length === 0) {
				if (stdout.ended) break;
				await stdout.more(this.#bytes);
				continue;
			}
			text?.add(bytes);
			await input.pass(bytes);
			this.#bytes += bytes.length;
			stdout.hold?.take(this.#bytes);
		}
		text?.finish();
		await input.end();
		if (this.#flow === "passing") this.#flow = "ended";
	}

	/** Neither side hears of the other any more; the one before gets a broken pipe. */
	#stop(flow: Flow): void {
		if (this.#flow !== "passing") return;
		this.#flow = flow;
		this.from.closeOutput();
		this.to.stdin?.close();
	}
}

/** Holds a stream to being text, which a character on the border of two pieces still is. */
class TextCheck {
	#rest: Uint8Array = new Uint8Array(0);

	/** @throws ProcessError SECURITY_VIOLATION stdin_not_allowed */
	add(bytes: Uint8Array): void {
		const all =
			this.#rest.length > 0 ? Buffer.concat([this.#rest, bytes]) : bytes;
		const whole = all.length - incompleteTail(all);
		if (bytes.includes(0) || !isUtf8(all.subarray(0, whole))) throw binary();
		this.#rest = Uint8Array.from(all.subarray(whole));
	}

	/** @throws ProcessError SECURITY_VIOLATION stdin_not_allowed */
	finish(): void {
		if (this.#rest.length > 0) throw binary();
	}
}

function binary(): ProcessError {
	return violation(
		"stdin_not_allowed",
		"Binary input is not allowed (blockBinaryStdin)",
		"Pass text between stages; or the user sets blockBinaryStdin to false.",
		{ key: "blockBinaryStdin" },
	);
}
