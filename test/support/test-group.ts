import { mkdirSync, rmdirSync } from "node:fs";
import { eventually } from "./server.ts";

/** A control group of a test's own, removed with it once nobody is in it any more. */
export class TestGroup implements AsyncDisposable {
	constructor(readonly path: string) {
		mkdirSync(path);
	}

	/** Puts itself into the group, and is then what the command appended to it starts. */
	get wrapper(): string[] {
		return [
			"sh",
			"-c",
			`echo $$ > ${this.path}/cgroup.procs && exec "$@"`,
			"sh",
		];
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await eventually(() => {
			try {
				rmdirSync(this.path);
				return true;
			} catch {
				return undefined;
			}
		}, "the group to be empty");
	}
}
