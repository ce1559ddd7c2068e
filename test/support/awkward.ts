import { join } from "node:path";
import type { ConfigInput } from "../../src/config/schema.ts";
import { Mark, sizeOf } from "./marked.ts";
import { fixture, NODE, PYTHON } from "./programs.ts";
import type { RawServer } from "./raw.ts";
import { Scratch } from "./server.ts";

/** How a tree is started that is hard to end. */
interface Kind {
	readonly executable: string;
	/** @param trace a file that grows for as long as the tree does */
	args(mark: string, trace: string): readonly string[];
	/** How many processes it is, at the least, once it is ready. */
	readonly size: number;
	readonly limits?: Record<string, number>;
}

const python = (
	size: number,
	name: string,
	args: Kind["args"] = (mark) => [mark],
): Kind => ({
	executable: PYTHON,
	args: (mark, trace) => [fixture(name), ...args(mark, trace)],
	size,
});

export const AWKWARD = {
	"a process that ignores SIGTERM": python(
		1,
		"stubborn-children.py",
		(mark) => ["0", mark],
	),
	"ten children that ignore SIGTERM": python(
		11,
		"stubborn-children.py",
		(mark) => ["10", mark],
	),
	"a daemon": python(1, "daemon.py"),
	"a daemon whose parent stays": python(2, "daemon.py", (mark) => [
		mark,
		"stay",
	]),
	"a grandchild that holds the output": python(1, "hold-output.py"),
	"a shell's jobs": {
		executable: "bash",
		args: (mark) => [fixture("jobs.sh"), mark],
		size: 7,
	},
	"detached children of node": {
		executable: NODE,
		args: (mark) => [fixture("detach.mjs"), mark],
		size: 3,
	},
	"a process that stops itself": python(1, "stop-itself.py"),
	"a comet": python(0, "comet.py", (mark, trace) => [trace, mark]),
	"a fork bomb": {
		...python(2, "bomb.py", (mark, trace) => ["1000", trace, mark]),
		limits: { maxProcesses: 30 },
	},
} satisfies Record<string, Kind>;

export type AwkwardName = keyof typeof AWKWARD;

export const AWKWARD_NAMES = Object.keys(AWKWARD) as AwkwardName[];

/** What the server is told for these. */
export const AWKWARD_CONFIG: ConfigInput = {
	allowedExecutables: [PYTHON, NODE, "bash", "sleep"],
	blockShellInterpreters: false,
	argumentValidation: "literal",
	maxConcurrentProcesses: 1000,
	maxLaunchesPerMinute: 100_000,
	maxFinishedProcesses: 1000,
};

/** A tree of a kind, which is gone when the test is over. */
export class AwkwardTree implements AsyncDisposable {
	readonly #mark = new Mark();
	readonly #scratch = new Scratch();
	readonly #trace = join(this.#scratch.path, "trace");
	pid = 0;

	constructor(readonly name: AwkwardName) {}

	/** Starts it and waits until all of it is there. */
	async start(
		server: RawServer,
		more: Record<string, unknown> = {},
	): Promise<this> {
		const kind: Kind = AWKWARD[this.name];
		const { pid } = await server.ok("process_start", {
			executable: kind.executable,
			args: kind.args(this.#mark.text, this.#trace),
			...(kind.limits && { resourceLimits: kind.limits }),
			...more,
		});
		this.pid = pid;
		await server.outputOf(pid, (stdout) => stdout.includes("\n"));
		const deadline = performance.now() + 5000;
		while (this.alive().length < kind.size) {
			if (performance.now() > deadline)
				throw new Error(`${this.name}: only ${this.alive().length} there`);
			await Bun.sleep(5);
		}
		return this;
	}

	alive(): number[] {
		return this.#mark.alive();
	}

	/** What lives of it: looked at for a while, as one look misses what forks meanwhile. */
	async left(): Promise<readonly number[]> {
		const before = sizeOf(this.#trace);
		for (let look = 0; look < 5; look++) {
			const alive = this.alive();
			if (alive.length > 0) return alive;
			await Bun.sleep(10);
		}
		return sizeOf(this.#trace) > before ? [-1] : [];
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#mark[Symbol.asyncDispose]();
		this.#scratch[Symbol.dispose]();
	}
}
