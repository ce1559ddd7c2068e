import { describe, expect, it } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ConfigError, parseConfig } from "../../src/config/load.ts";
import { type ConfigInput, configSchema } from "../../src/config/schema.ts";

const FILE = { kind: "file", path: "/etc/policy.json" } as const;

function complaint(config: ConfigInput): string | undefined {
	try {
		parseConfig(JSON.stringify(config), FILE);
	} catch (error) {
		if (error instanceof ConfigError) return error.message;
		throw error;
	}
	return undefined;
}

/** Each setting that asks for something where it is not enforced. */
const ASKING: ConfigInput = {
	defaultResourceLimits: { maxMemoryMB: 100 },
	maximumResourceLimits: { maxCpuPercent: 50 },
	strictResourceEnforcement: true,
	requireTerminationConfirmation: true,
	enableSecurityAlerts: true,
	securityAlertWebhook: "https://example.org/alerts",
	requireConfirmation: true,
	requireConfirmationFor: ["git"],
	autoApproveAfterCount: 1,
	allowedTimeWindows: ["Mon-Fri 09:00-17:00"],
	blockedTimeWindows: ["Sat-Sun *"],
	enableChroot: true,
	chrootDirectory: "/srv/root",
	enableNamespaces: true,
	namespaces: ["pid"],
	enableSeccomp: true,
	seccompProfile: "default",
	blockNetworkAccess: true,
	allowedNetworkDestinations: ["10.0.0.0/8"],
	blockedNetworkDestinations: ["10.0.0.0/8"],
	enableMAC: true,
	macProfile: "confined",
	dropCapabilities: ["CAP_NET_RAW"],
	readOnlyFilesystem: true,
	tmpfsSize: 1048576,
};

/** All of src but the definitions themselves. */
const CODE = readdirSync(join(import.meta.dir, "../../src"), {
	recursive: true,
	encoding: "utf8",
})
	.filter((name) => name.endsWith(".ts") && !name.startsWith("config"))
	.map((name) => readFileSync(join(import.meta.dir, "../../src", name), "utf8"))
	.join("\n");

/** Whether some code reads a setting; its name in a message does not count. */
function isRead(key: string): boolean {
	return new RegExp(
		`(config|limits)\\??\\.${key}\\b|[{,|]\\s*"?${key}"?\\s*[,}|:]|\\| "${key}"|, "${key}"\\)`,
	).test(CODE);
}

describe("a setting that nothing enforces", () => {
	it.each(Object.entries(ASKING).filter(([key]) => !isRead(key)))(
		"%s ends the start when it asks for %j",
		(key, value) => {
			const message = complaint({ [key]: value });
			expect(message).toStartWith(`/etc/policy.json:1: ${key}: `);
			expect(message).toContain("is not enforced");
		},
	);

	it.each(Object.keys(configSchema.shape))(
		"%s is accepted at its default",
		(key) => {
			const defaults: Record<string, unknown> = configSchema.parse({});
			expect(complaint({ [key]: defaults[key] })).toBeUndefined();
		},
	);

	it("is named with all others of its kind", () => {
		const unread = Object.keys(ASKING).filter((key) => !isRead(key));
		const named = (complaint(ASKING) ?? "")
			.split("\n")
			.map((line) => line.split(": ")[1] ?? "");
		expect(named).toEqual(expect.arrayContaining(unread));
	});

	it("is accepted where it asks for nothing", () => {
		expect(
			complaint({
				enableChroot: false,
				tmpfsSize: 0,
				namespaces: [],
				defaultResourceLimits: {},
				allowedExecutables: [
					{ executable: "a", resourceLimits: {}, requireConfirmation: false },
				],
			}),
		).toBeUndefined();
	});

	it("is found in a rule of one executable", () => {
		const rules: [ConfigInput["allowedExecutables"], string][] = [
			[
				["a", { executable: "b", resourceLimits: { maxMemoryMB: 1 } }],
				"allowedExecutables[1].resourceLimits",
			],
			[
				[{ executable: "b", requireConfirmation: true }],
				"allowedExecutables[0].requireConfirmation",
			],
		];
		for (const [allowedExecutables, key] of rules) {
			const setting = key.split(".").at(-1) ?? "";
			if (CODE.includes(`rule?.${setting}`) || CODE.includes(`rule.${setting}`))
				continue;
			expect(complaint({ allowedExecutables })).toContain(`: ${key}: `);
		}
	});
});

describe("every setting", () => {
	it.each(Object.keys(configSchema.shape).filter((key) => key !== "$schema"))(
		"%s is either read by the code or refused",
		(key) => {
			// Groups come with their own tools; until then there is nothing to forbid.
			if (
				key === "allowGroupTermination" &&
				!CODE.includes("process_terminate_group")
			)
				return;
			const asking: Record<string, unknown> = ASKING;
			const refused =
				key in asking && complaint({ [key]: asking[key] }) !== undefined;
			expect([key, isRead(key) || refused]).toEqual([key, true]);
		},
	);
});
