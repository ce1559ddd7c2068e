import { currentPlatform } from "../../src/platform/current.ts";
import type { Platform } from "../../src/platform/platform.ts";
import type { Identity } from "../../src/process/identity.ts";
import { type Launched, launch } from "../../src/process/launcher.ts";
import { ManagedProcess } from "../../src/process/process.ts";
import type { Cause } from "../../src/process/termination.ts";
import { admit } from "./gate.ts";
import { PYTHON } from "./programs.ts";
import { eventually } from "./server.ts";

export const platform: Platform = await currentPlatform();

/** A started process that is gone, tree and all, when the test is over. */
export class Running implements AsyncDisposable {
	/** What the deadlines called, in order. */
	readonly expired: { readonly cause: Cause; readonly message: string }[] = [];
	readonly process: ManagedProcess;

	constructor(
		readonly launched: Launched,
		options: {
			readonly deadlines?: Identity["deadlines"];
			readonly capacity?: number;
		} = {},
	) {
		this.process = new ManagedProcess(
			{
				name: undefined,
				command: "test",
				file: "/bin/true",
				args: [],
				cwd: "/",
				agent: "test",
				limits: {},
				deadlines: options.deadlines ?? {},
			},
			launched,
			options.capacity ?? 2 ** 20,
			(_, cause, message) => this.expired.push({ cause, message }),
		);
	}

	/** What it has written to standard output so far. */
	get stdout(): string {
		const { stdout } = this.process;
		return new TextDecoder().decode(stdout.read(0, stdout.size).bytes);
	}

	/** Waits until its standard output matches. */
	async says(pattern: RegExp): Promise<RegExpExecArray> {
		return eventually(
			() => pattern.exec(this.stdout) ?? undefined,
			`output like ${pattern}, not ${JSON.stringify(this.stdout.slice(-200))}`,
		);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		const { tree } = this.launched;
		await eventually(() => {
			tree.signal("SIGKILL");
			return tree.alive().length === 0 ? true : undefined;
		}, `the tree of ${this.launched.pid} to end`);
		await this.process.ended;
	}
}

/** Starts a program through the real gate and launcher. */
export async function run(
	executable: string,
	args: readonly string[] = [],
	options: ConstructorParameters<typeof Running>[1] & {
		readonly capture?: boolean;
		readonly input?: boolean;
		readonly cwd?: string;
		readonly env?: Readonly<Record<string, string>>;
	} = {},
): Promise<Running> {
	const { capture = true, input = false, cwd, env, ...rest } = options;
	const admitted = await admit(executable, args, {
		...(cwd !== undefined && { cwd }),
		...(env !== undefined && { env }),
	});
	return new Running(launch(admitted, { capture, input }, platform), rest);
}

/** Starts a line of shell. */
export function sh(
	script: string,
	options: Parameters<typeof run>[2] = {},
): Promise<Running> {
	return run("/bin/sh", ["-c", script], options);
}

/** Starts a Python program. */
export function python(
	program: string,
	options: Parameters<typeof run>[2] = {},
): Promise<Running> {
	return run(PYTHON, ["-c", program], options);
}

/** Kills a process that a test knows by its pid alone. */
export function killQuietly(pid: number): void {
	try {
		process.kill(pid, "SIGKILL");
	} catch {
		// It has ended already.
	}
}

/** Reads a stream to its end. */
export async function textOf(
	chunks: ReadableStream<Uint8Array> | undefined,
): Promise<string> {
	return chunks ? new Response(chunks).text() : "";
}
