import { describe, expect, it } from "bun:test";
import { Validator } from "@cfworker/json-schema";
import { parseDocument } from "../../src/config/document.ts";
import { SAMPLE_CONFIG } from "../../src/config/sample.ts";
import { configJsonSchema, configSchema } from "../../src/config/schema.ts";
import { sections } from "../../src/config/sections.ts";

const schema = configJsonSchema();

type Found = { path: string; schema: Record<string, unknown> };

/** Every property that the JSON Schema describes, however deep. */
function properties(node: unknown, path = ""): Found[] {
	if (typeof node !== "object" || node === null) return [];
	return Object.entries(node).flatMap(([key, value]) => {
		if (key !== "properties") return properties(value, path);
		return Object.entries(value as Record<string, Found["schema"]>).flatMap(
			([name, inner]) => [
				{ path: `${path}.${name}`, schema: inner },
				...properties(inner, `${path}.${name}`),
			],
		);
	});
}

function isValid(config: unknown): boolean {
	return new Validator(schema, "2020-12").validate(config).valid;
}

describe("the JSON Schema of the configuration", () => {
	it("describes and types every property, also within rules and limits", () => {
		const found = properties(schema);
		expect(found.map(({ path }) => path)).toContain(
			".allowedExecutables.resourceLimits.maxMemoryMB",
		);
		for (const { path, schema } of found) {
			const { description, type, anyOf, enum: values } = schema;
			expect(`${path}: ${description}`).toMatch(/: .{10,}/);
			expect([path, type ?? anyOf ?? values]).not.toEqual([path, undefined]);
		}
	});

	it("knows every setting, requires none, and takes no other", () => {
		expect(Object.keys(schema.properties as object).sort()).toEqual(
			Object.keys(configSchema.shape).sort(),
		);
		expect(schema.required).toBeUndefined();
		expect(isValid({})).toBe(true);
		expect(isValid({ allowedExecutable: [] })).toBe(false);
	});

	it("judges as the server does", () => {
		const good = { allowedExecutables: ["a", { executable: "/b", env: {} }] };
		expect(isValid(good)).toBe(true);
		expect(isValid({ maxArgumentCount: "x" })).toBe(false);
		expect(isValid({ allowedExecutables: [{ executable: "a", x: 1 }] })).toBe(
			false,
		);
		expect(isValid(parseDocument(SAMPLE_CONFIG).value)).toBe(true);
	});
});

describe("the defaults", () => {
	it("are the contract's", () => {
		const { $schema, ...defaults } = configSchema.parse({});
		expect($schema).toBeUndefined();
		expect(defaults).toEqual({
			allowedExecutables: [],
			additionalBlockedExecutables: [],
			blockShellInterpreters: true,
			blockSetuidExecutables: true,
			argumentValidation: "strict",
			maxArgumentCount: 1000,
			maxArgumentLength: 32768,
			blockedArgumentPatterns: [],
			inheritEnv: "minimal",
			additionalBlockedEnvVars: [],
			maxEnvVarCount: 100,
			allowedWorkingDirectories: [],
			blockedWorkingDirectories: [],
			defaultResourceLimits: {},
			maximumResourceLimits: {},
			strictResourceEnforcement: false,
			maxConcurrentProcesses: 10,
			maxProcessLifetime: 3600,
			maxLaunchesPerMinute: 120,
			rateLimitCooldownSeconds: 0,
			maxFinishedProcesses: 100,
			allowProcessTermination: true,
			allowGroupTermination: true,
			allowForcedTermination: true,
			requireTerminationConfirmation: false,
			allowStdinInput: true,
			allowOutputCapture: true,
			maxOutputBufferSize: 10485760,
			maxResponseSize: 40000,
			blockBinaryStdin: false,
			enableAuditLog: true,
			auditLogLevel: "info",
			enableSecurityAlerts: false,
			requireConfirmation: false,
			requireConfirmationFor: [],
			autoApproveAfterCount: 0,
			allowedTimeWindows: [],
			blockedTimeWindows: [],
			enableChroot: false,
			enableNamespaces: false,
			namespaces: [],
			enableSeccomp: false,
			blockNetworkAccess: false,
			allowedNetworkDestinations: [],
			blockedNetworkDestinations: [],
			enableMAC: false,
			dropCapabilities: [],
			readOnlyFilesystem: false,
		});
	});

	it("are not shared between two configurations", () => {
		const one = configSchema.parse({});
		one.allowedExecutables.push("sh");
		expect(configSchema.parse({}).allowedExecutables).toEqual([]);
	});

	it("leave the settings that have none unset", () => {
		const { parse } = configSchema;
		expect(Object.keys(parse({}))).not.toContain("maxTotalProcesses");
		expect(Object.keys(configSchema.shape)).toEqual(
			expect.arrayContaining([
				"allowedEnvVars",
				"maxConcurrentProcessesPerAgent",
				"maxTotalProcesses",
				"maxLaunchesPerHour",
				"auditLogPath",
				"securityAlertWebhook",
				"chrootDirectory",
				"seccompProfile",
				"macProfile",
				"tmpfsSize",
			]),
		);
	});

	it("come from no two sections", () => {
		const keys = Object.values(sections).flatMap((section) =>
			Object.keys(section),
		);
		expect(new Set(keys).size).toBe(keys.length);
	});
});
