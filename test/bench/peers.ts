import { join } from "node:path";
import { closed, endGently, opened } from "./children.ts";
import { linesOf } from "./lines.ts";
import type { Task } from "./task.ts";

/** A bare program beside the server: it does the same work with its runtime's own means. */
export class Peer implements AsyncDisposable {
	readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;
	readonly #lines: AsyncGenerator<string>;

	constructor(command: readonly string[]) {
		this.#child = Bun.spawn([...command], {
			stdio: ["pipe", "pipe", "inherit"],
		});
		this.#lines = linesOf(this.#child.stdout);
		opened(this);
	}

	get pid(): number {
		return this.#child.pid;
	}

	/** Milliseconds that a task took; one at a time. */
	async run(task: Task): Promise<number> {
		this.#child.stdin.write(`${JSON.stringify(task)}\n`);
		this.#child.stdin.flush();
		const { value, done } = await this.#lines.next();
		const answer: unknown = done ? { error: "it ended" } : JSON.parse(value);
		if (typeof answer === "object" && answer !== null && "ms" in answer)
			return Number(answer.ms);
		throw new Error(`the bare program: ${JSON.stringify(answer)}`);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await endGently(this.#child);
		closed(this);
	}
}

export interface Peers {
	readonly bun: Peer;
	/** Undefined where there is no node. */
	readonly node: Peer | undefined;
}

/** The node on PATH itself: a version manager's shim is a shell script, and slow. */
export const NODE = findNode();

function findNode(): string | undefined {
	if (!Bun.which("node")) return undefined;
	const { stdout, success } = Bun.spawnSync(["node", "-p", "process.execPath"]);
	return success ? stdout.toString().trim() : undefined;
}

export function startPeers(): Peers {
	const program = (name: string) => join(import.meta.dir, name);
	return {
		bun: new Peer([process.execPath, program("bare-bun.ts")]),
		node: NODE ? new Peer([NODE, program("bare-node.mjs")]) : undefined,
	};
}
