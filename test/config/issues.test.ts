import { describe, expect, it } from "bun:test";
import { ConfigError, parseConfig } from "../../src/config/load.ts";

const FILE = { kind: "file", path: "/etc/policy.json" } as const;

function complaints(config: unknown): string[] {
	try {
		parseConfig(JSON.stringify(config, null, 1), FILE);
	} catch (error) {
		if (error instanceof ConfigError) return error.message.split("\n");
		throw error;
	}
	return [];
}

describe("an unknown key", () => {
	it.each([
		[{ allowedExecutable: [] }, "allowedExecutable", "allowedExecutables"],
		[{ AllowedExecutables: [] }, "AllowedExecutables", "allowedExecutables"],
		[
			{ maxConcurentProcesses: 1 },
			"maxConcurentProcesses",
			"maxConcurrentProcesses",
		],
		[
			{ argumentvalidation: "strict" },
			"argumentvalidation",
			"argumentValidation",
		],
		[
			{ allowedExecutables: ["a", { executable: "b", blockedArgs: [] }] },
			"allowedExecutables[1].blockedArgs",
			"blockedArguments",
		],
		[
			{
				allowedExecutables: [
					{ executable: "b", resourceLimits: { maxMemory: 1 } },
				],
			},
			"allowedExecutables[0].resourceLimits.maxMemory",
			"maxMemoryMB",
		],
		[
			{ defaultResourceLimits: { maxCPUTime: 1 } },
			"defaultResourceLimits.maxCPUTime",
			"maxCpuTime",
		],
		[
			{ maximumResourceLimits: { maxProcess: 1 } },
			"maximumResourceLimits.maxProcess",
			"maxProcesses",
		],
		[
			{ maximumResourceLimits: { memory_mb: 1 } },
			"maximumResourceLimits.memory_mb",
			"maxMemoryMB",
		],
	])("%j is named with the nearest known one", (config, key, nearest) => {
		const found = complaints(config);
		expect(found).toHaveLength(1);
		expect(found[0]).toMatch(/^\/etc\/policy\.json:\d+: /);
		expect(found[0]).toEndWith(
			`: ${key}: unknown key; did you mean "${nearest}"?`,
		);
	});

	it("that resembles none is told what there is, the nearest first", () => {
		for (const key of ["security", "x", "constructor"]) {
			const [complaint = ""] = complaints({ [key]: {} });
			expect(complaint).toMatch(
				/: unknown key; known are .+, .+ and \d+ more$/,
			);
			expect(complaint).not.toContain("did you mean");
			expect(complaint.length).toBeLessThan(600);
		}
		expect(complaints({ security: 1 })[0]).toContain("enableSecurityAlerts");
		expect(complaints({ defaultResourceLimits: { speed: 1 } })[0]).toEndWith(
			": unknown key; known are maxCpuPercent, maxMemoryMB, maxFileDescriptors, maxCpuTime, maxProcesses",
		);
	});

	it("is refused also where an object has it of itself", () => {
		for (const key of ["constructor", "toString", "hasOwnProperty"])
			expect(complaints({ [key]: 1 })[0]).toContain(`: ${key}: unknown key`);
	});

	it("is not $schema", () => {
		expect(complaints({ $schema: "./schema.json" })).toEqual([]);
	});
});

describe("a wrong value", () => {
	it.each([
		[{ allowedExecutables: "node" }, "allowedExecutables", /expected array/],
		[
			{ allowedExecutables: ["./node"] },
			"allowedExecutables[0]",
			/absolute path/,
		],
		[
			{ allowedExecutables: ["bin/node"] },
			"allowedExecutables[0]",
			/absolute path/,
		],
		[
			{ allowedExecutables: ["*"] },
			"allowedExecutables[0]",
			/glob without a directory/,
		],
		[
			{ allowedExecutables: [""] },
			"allowedExecutables[0]",
			/must not be empty/,
		],
		[
			{ allowedExecutables: [{}] },
			"allowedExecutables[0].executable",
			/required|expected string/,
		],
		[
			{ allowedExecutables: [{ executable: "./x" }] },
			"allowedExecutables[0].executable",
			/absolute path/,
		],
		[
			{ allowedExecutables: [{ executable: "x", env: { A: 1 } }] },
			"allowedExecutables[0].env.A",
			/expected string, received number/,
		],
		[
			{ allowedWorkingDirectories: ["work"] },
			"allowedWorkingDirectories[0]",
			/absolute path/,
		],
		[
			{ blockedWorkingDirectories: ["~"] },
			"blockedWorkingDirectories[0]",
			/absolute path/,
		],
		[{ auditLogPath: "audit.log" }, "auditLogPath", /absolute path/],
		[{ argumentValidation: "loose" }, "argumentValidation", /strict.*literal/],
		[{ maxArgumentCount: 1.5 }, "maxArgumentCount", /int/],
		[{ maxArgumentCount: -1 }, "maxArgumentCount", /must be at least 0$/],
		[{ maxConcurrentProcesses: 0 }, "maxConcurrentProcesses", /at least 1/],
		[{ maxResponseSize: 1 }, "maxResponseSize", /must be at least 256$/],
		[
			{ defaultResourceLimits: { maxMemoryMB: 0 } },
			"defaultResourceLimits.maxMemoryMB",
			/must be above 0$/,
		],
		[
			{ allowedExecutables: [{ executable: "x", env: ["A=1"] }] },
			"allowedExecutables[0].env",
			/expected object, received array$/,
		],
		[
			{ maxConcurrentProcesses: "10" },
			"maxConcurrentProcesses",
			/expected number/,
		],
		[{ maxProcessLifetime: 0 }, "maxProcessLifetime", /must be above 0$/],
		[
			{ blockShellInterpreters: "false" },
			"blockShellInterpreters",
			/expected boolean/,
		],
		[
			{ blockShellInterpreters: null },
			"blockShellInterpreters",
			/expected boolean/,
		],
		[{ securityAlertWebhook: "ftp://x" }, "securityAlertWebhook", /URL/],
		[
			{ securityAlertWebhook: "file:///etc/passwd" },
			"securityAlertWebhook",
			/URL/,
		],
	] as [object, string, RegExp][])(
		"%j is named with its key and fault",
		(config, key, what) => {
			const found = complaints(config);
			expect(found).toHaveLength(1);
			expect(found[0]).toContain(`: ${key}: `);
			expect(found[0]).toMatch(what);
		},
	);

	// "invalid input" alone does not say what is wrong with the value.
	it.each([
		[{ inheritEnv: "all" }, /minimal/],
		[{ inheritEnv: 5 }, /minimal|array/],
		[{ allowedExecutables: [5] }, /string|object/],
	] as [object, RegExp][])(
		"%j is told what would do instead",
		(config, what) => {
			expect(complaints(config)[0]).toMatch(what);
		},
	);

	it("is named also where the whole is not an object", () => {
		for (const value of [[], null, 5, "node"])
			expect(complaints(value)[0]).toMatch(
				/^\/etc\/policy\.json:1: .*expected object/,
			);
	});

	it("does not hide a second one", () => {
		const found = complaints({
			maxArgumentLength: 0,
			inheritENV: "minimal",
			allowedExecutables: ["node", "./x"],
		});
		expect(found).toHaveLength(3);
		expect(found.map((line) => line.split(": ")[1]).sort()).toEqual([
			"allowedExecutables[1]",
			"inheritENV",
			"maxArgumentLength",
		]);
	});

	it("is placed on its own line", () => {
		const text = '{\n"maxArgumentCount": 1,\n\n"maxArgumentLength": "x"\n}';
		expect(() => parseConfig(text, FILE)).toThrow(
			"/etc/policy.json:4: maxArgumentLength: ",
		);
	});
});
