import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { Scratch } from "./server.ts";

/** A folder that the agent can write, with a program in it that says it ran. */
export class Project extends Scratch {
	readonly evil = this.write(
		"evil",
		"#!/usr/bin/env node\nconsole.log('EVIL')\n",
		0o755,
	);

	link(name: string, target: string): string {
		const path = join(this.path, name);
		symlinkSync(target, path);
		return path;
	}
}
