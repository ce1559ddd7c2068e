import { parseConfig } from "../../src/config/load.ts";
import type { Config, ConfigInput } from "../../src/config/schema.ts";
import { currentPlatform } from "../../src/platform/current.ts";
import type { Platform } from "../../src/platform/platform.ts";
import { type AuditLog, noAuditLog } from "../../src/security/audit.ts";
import { type Admitted, Gate } from "../../src/security/gate.ts";
import { createPolicy } from "../../src/security/policy.ts";
import { LaunchLedger } from "../../src/security/rate-limit.ts";

/** A policy that allows any program but those that are always blocked. */
const PERMISSIVE: ConfigInput = {
	allowedExecutables: ["/**"],
	blockShellInterpreters: false,
	argumentValidation: "literal",
	maxArgumentLength: 2 ** 24,
	maxConcurrentProcesses: 1000,
	maxLaunchesPerMinute: 10_000,
	enableAuditLog: false,
};

/** What a server is made of, apart from its transport. */
export interface Parts {
	readonly config: Config;
	readonly gate: Gate;
	readonly platform: Platform;
	readonly audit: AuditLog;
}

/** The real gate and platform, with a permissive policy and the changes given. */
export async function makeParts(
	changes: ConfigInput = {},
	audit: AuditLog = noAuditLog,
): Promise<Parts> {
	const loaded = parseConfig(JSON.stringify({ ...PERMISSIVE, ...changes }), {
		kind: "environment",
		variable: "TEST",
	});
	const env = Object.fromEntries(
		Object.entries(process.env).filter(
			(entry): entry is [string, string] => entry[1] !== undefined,
		),
	);
	const platform = await currentPlatform();
	const policy = await createPolicy(loaded, { env, directory: process.cwd() });
	const ledger = new LaunchLedger(loaded.config, () => performance.now());
	const gate = new Gate(policy, ledger, audit, platform);
	return { config: loaded.config, gate, platform, audit };
}

/** Passes a launch through the real gate. */
export async function admit(
	executable: string,
	args: readonly string[] = [],
	options: {
		readonly cwd?: string;
		readonly env?: Readonly<Record<string, string>>;
	} = {},
): Promise<Admitted> {
	const { gate } = await makeParts();
	return gate.admit({ executable, args, agent: "test", ...options });
}
