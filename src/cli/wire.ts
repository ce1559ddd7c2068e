import { type LoadedConfig, loadConfig } from "../config/load.ts";
import { currentPlatform } from "../platform/current.ts";
import type { Platform } from "../platform/platform.ts";
import { type AuditLog, createAuditLog } from "../security/audit.ts";
import { Gate } from "../security/gate.ts";
import {
	createPolicy,
	type Policy,
	type ServerFacts,
} from "../security/policy.ts";
import { LaunchLedger } from "../security/rate-limit.ts";
import { isCompiled, selfFile } from "../security/self.ts";

/** A configuration that was read and made ready. */
export interface Wired {
	readonly loaded: LoadedConfig;
	readonly policy: Policy;
	readonly platform: Platform;
	/** The log that it asks for, of which nothing is made before the first record. */
	readonly audit: AuditLog;
	/** A gate over the policy that records to `audit`. */
	gate(audit: AuditLog): Gate;
}

/**
 * Reads the configuration as the server would and makes its policy ready.
 *
 * @throws ConfigError where it cannot be used
 */
export async function wire(config: string | undefined): Promise<Wired> {
	const loaded = loadConfig({
		path: config,
		env: process.env,
		cwd: process.cwd(),
	});
	const platform = await currentPlatform();
	const policy = await createPolicy(loaded, {
		...serverFacts(),
		enforceable: platform.enforceable,
	});
	return {
		loaded,
		policy,
		platform,
		audit: createAuditLog(loaded.config, process.env),
		gate(audit) {
			const ledger = new LaunchLedger(loaded.config, () => performance.now());
			return new Gate(policy, ledger, audit, platform);
		},
	};
}

function serverFacts(): ServerFacts {
	const env = Object.fromEntries(
		Object.entries(process.env).flatMap(([name, value]) =>
			value === undefined ? [] : [[name, value]],
		),
	);
	const directory = process.cwd();
	if (!isCompiled()) return { env, directory };
	return { env, directory, self: selfFile(process.execPath) };
}
