import type { Config } from "../config/schema.ts";
import type { Guarantee, Platform } from "../platform/platform.ts";
import type { AuditLog } from "../security/audit.ts";
import { type AuditLevel, LEFT_OUT } from "../security/audit-event.ts";
import {
	ENFORCED_BY_SERVER,
	LIMIT_NAMES,
	LIMIT_PROMISES,
	type LimitName,
} from "../security/resources.ts";
import { livesIn } from "./launcher.ts";
import { whyNoTerminal } from "./terminal.ts";

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
	audit: AuditLog,
): readonly Guarantee[] {
	const told = platform.guarantees(livesIn);
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
		auditLog(config, audit),
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
		...told,
		terminals(platform),
		...LIMIT_NAMES.map((name) => limit(name, platform)).filter(
			({ id }) => !told.some((guarantee) => guarantee.id === id),
		),
		...UNBUILT.map(([id, promise]) => ({
			id,
			promise,
			by: "unavailable" as const,
			how: "not in this version; a configuration that asks for it ends the start",
		})),
	];
}

function auditLog(config: Config, audit: AuditLog): Guarantee {
	const problem = config.enableAuditLog
		? audit.problem()?.message
		: "enableAuditLog is false";
	return {
		id: "audit",
		promise: onRecord(config.auditLogLevel),
		by: problem === undefined ? "server" : "unavailable",
		how:
			problem ??
			"a log that only grows, each record sealed by the hash of those before it",
	};
}

function onRecord(level: AuditLevel): string {
	const leftOut = LEFT_OUT[level];
	return leftOut === undefined
		? "Every launch, refusal, input and end is on record"
		: `What happens is on record, without ${leftOut} (auditLogLevel: ${level})`;
}

/** Whether one can be had is tried. */
function terminals({ terminals: traits }: Platform): Guarantee {
	const reason = whyNoTerminal(traits);
	return {
		id: "terminals",
		promise: "Programs that need a terminal can be given one",
		by: reason === undefined ? "kernel" : "unavailable",
		how:
			reason === undefined
				? "pseudo-terminals; the server draws their screens, and says what a program waits for where the system tells"
				: `${reason}; a launch that asks for one fails`,
	};
}

/** By the server, unless the platform has told of something else. */
function limit(name: LimitName, { enforceable }: Platform): Guarantee {
	const isHeld = enforceable.has(name) && name !== "maxFileDescriptors";
	return {
		id: `limits.${name}`,
		promise: LIMIT_PROMISES[name],
		by: isHeld ? "server" : "unavailable",
		how: isHeld
			? ENFORCED_BY_SERVER[name]
			: "not on this system; a configuration that asks for it ends the start",
	};
}
