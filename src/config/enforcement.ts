import type { Config } from "./schema.ts";

/** A setting that asks for something, and why this build cannot do it. */
export interface Unenforceable {
	/** Where it stands. */
	readonly path: readonly (string | number)[];
	readonly reason: string;
}

const NOT_BUILT =
	"is not enforced by this version; remove it, as a setting that is not enforced protects nothing";

/** Settings that no code stands behind yet; each is inert at its default. */
const UNBUILT = [
	"enableChroot",
	"chrootDirectory",
	"enableNamespaces",
	"namespaces",
	"enableSeccomp",
	"seccompProfile",
	"blockNetworkAccess",
	"allowedNetworkDestinations",
	"blockedNetworkDestinations",
	"enableMAC",
	"macProfile",
	"dropCapabilities",
	"readOnlyFilesystem",
	"tmpfsSize",
] as const satisfies readonly (keyof Config)[];

/**
 * The settings of `config` that ask for what nothing here enforces. A server
 * that accepted one would promise what it does not do, so any ends the start.
 */
export function unenforceable(config: Config): Unenforceable[] {
	const found: Unenforceable[] = UNBUILT.filter((key) =>
		asksForSomething(config[key]),
	).map((key) => ({ path: [key], reason: NOT_BUILT }));
	if (config.enableSecurityAlerts && config.securityAlertWebhook === undefined)
		found.push({
			path: ["enableSecurityAlerts"],
			reason: "has nowhere to send alerts: set securityAlertWebhook",
		});
	return found;
}

function asksForSomething(value: unknown): boolean {
	if (value === undefined || value === false || value === 0) return false;
	if (Array.isArray(value)) return value.length > 0;
	if (typeof value === "object" && value !== null)
		return Object.values(value).some((inner) => inner !== undefined);
	return true;
}
