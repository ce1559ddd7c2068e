import type { Config } from "../config/schema.ts";
import type { Guarantee, Platform } from "../platform/platform.ts";
import { LIMIT_NAMES, type LimitName } from "../security/resources.ts";
import { enforcedBy } from "./limits.ts";

const PROMISES: Readonly<Record<LimitName, string>> = {
	maxCpuPercent: "A tree uses no more CPU than its limit",
	maxMemoryMB: "A tree uses no more memory than its limit",
	maxFileDescriptors: "A process opens no more files than its limit",
	maxCpuTime: "A tree uses no more CPU seconds than its limit",
	maxProcesses: "A tree has no more processes than its limit",
};

/** Isolation that a configuration can name, and that nothing stands behind yet. */
const UNBUILT: readonly (readonly [id: string, promise: string])[] = [
	["isolation.filesystem", "Programs see only a part of the file system"],
	["isolation.namespaces", "Programs run in namespaces of their own"],
	["isolation.syscalls", "Programs may use only some system calls"],
	["isolation.network", "Programs reach only some of the network"],
	["isolation.mac", "Programs run under a profile of AppArmor or SELinux"],
];

/** What a user may rely on under a configuration on this machine, and what stands behind each. */
export function guarantees(
	config: Config,
	platform: Platform,
): readonly Guarantee[] {
	return [
		{
			id: "launch.gate",
			promise: "Nothing is started that the configuration does not allow",
			by: "server",
			how: `one check before every start; ${config.allowedExecutables.length} entries in allowedExecutables`,
		},
		{
			id: "launch.no-shell",
			promise: "No shell reads a command line",
			by: "kernel",
			how: "programs are started by their path, with a list of arguments",
		},
		auditLog(config),
		{
			id: "output.bounded",
			promise: "Output takes a bounded amount of memory",
			by: "server",
			how: `the last ${config.maxOutputBufferSize} bytes of each stream are kept (maxOutputBufferSize)`,
		},
		{
			id: "lifetime",
			promise: "No process runs for ever",
			by: "server",
			how: `ended after ${config.maxProcessLifetime} s (maxProcessLifetime)`,
		},
		...platform.guarantees(),
		...LIMIT_NAMES.map((name) => limit(name, platform, config)),
		...UNBUILT.map(([id, promise]) => ({
			id,
			promise,
			by: "unavailable" as const,
			how: "not in this version; a configuration that asks for it ends the start",
		})),
	];
}

function auditLog({ enableAuditLog }: Config): Guarantee {
	return {
		id: "audit",
		promise: "Every launch, refusal, input and end is on record",
		by: enableAuditLog ? "server" : "unavailable",
		how: enableAuditLog
			? "a log that only grows, each record sealed by the hash of those before it"
			: "enableAuditLog is false",
	};
}

function limit(
	name: LimitName,
	platform: Platform,
	{ strictResourceEnforcement }: Config,
): Guarantee {
	const how = platform.enforceable.has(name)
		? enforcedBy(name, platform, strictResourceEnforcement)
		: undefined;
	return {
		id: `limits.${name}`,
		promise: PROMISES[name],
		by:
			how === undefined
				? "unavailable"
				: how.startsWith("the kernel")
					? "kernel"
					: "server",
		how:
			how ??
			"not on this system; a configuration that asks for it ends the start",
	};
}
