import {
	existsSync,
	mkdirSync,
	readFileSync,
	rmdirSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { eventually } from "./server.ts";

const HOME = "/sys/fs/cgroup/freezer";

/**
 * A control group of version 1 whose members stand still in the kernel, so that
 * not even SIGKILL ends them, until it is thawed: what a process that waits for a
 * dead disk is like.
 */
export class Freezer implements AsyncDisposable {
	readonly #directory = join(HOME, `mcp-process-test-${process.pid}`);

	static readonly isAvailable =
		process.getuid?.() === 0 && existsSync(join(HOME, "tasks"));

	constructor() {
		mkdirSync(this.#directory);
	}

	async freeze(pids: readonly number[]): Promise<void> {
		for (const pid of pids) this.#write("cgroup.procs", String(pid));
		this.#write("freezer.state", "FROZEN");
		await eventually(() => this.#state === "FROZEN" || undefined, "the frost");
	}

	thaw(): void {
		this.#write("freezer.state", "THAWED");
	}

	get #state(): string {
		return readFileSync(
			join(this.#directory, "freezer.state"),
			"utf8",
		).trimEnd();
	}

	#write(name: string, text: string): void {
		writeFileSync(join(this.#directory, name), text);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.thaw();
		await eventually(() => {
			const members = readFileSync(
				join(this.#directory, "cgroup.procs"),
				"utf8",
			);
			for (const pid of members.split("\n").filter(Boolean))
				process.kill(Number(pid), "SIGKILL");
			return members === "" || undefined;
		}, "the freezer to be empty");
		rmdirSync(this.#directory);
	}
}
