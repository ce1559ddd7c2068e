import type { LimitName } from "../security/resources.ts";

/** What holds a tree to its share of CPU where the system doesn't. */
export const BY_PAUSING = "the server, which pauses the tree";
/** What holds a tree to every other limit that it can be measured by. */
export const BY_ENDING = "the server, which ends the tree";

/** What this server can do about a limit wherever a tree can be measured, in words. */
export function byServer(name: LimitName): string | undefined {
	if (name === "maxFileDescriptors") return undefined;
	return name === "maxCpuPercent" ? BY_PAUSING : BY_ENDING;
}
