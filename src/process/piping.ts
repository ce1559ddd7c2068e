import type { Config } from "../config/schema.ts";
import type { ManagedProcess } from "./process.ts";
import type { StartRequest } from "./start-request.ts";

/** What a stage of a pipeline has of kernel pipes; what is to be looked at passes through here. */
export function pipesOf(
	{ keepOutput = false, source, stdin }: StartRequest,
	config: Pick<Config, "blockBinaryStdin" | "allowStdinInput">,
) {
	if (config.blockBinaryStdin) return {};
	const isFree = stdin === undefined && config.allowStdinInput;
	return { unread: keepOutput, source: isFree ? source?.unread : undefined };
}

/** One process has the other one's standard output as its input now. */
export function join(
	from: ManagedProcess | undefined,
	to: ManagedProcess,
): void {
	to.fedBy = from?.pid;
	from?.pipeTo(to.pid);
}
