import { describe, expect, it } from "bun:test";
import { ConfigError, parseConfig } from "../../src/config/load.ts";
import type { ConfigInput } from "../../src/config/schema.ts";
import { createPolicy } from "../../src/security/policy.ts";
import { loaded } from "../support/policy-gate.ts";

const SERVER = { env: { PATH: "/usr/bin:.:/bin" }, directory: "/" };

async function complaint(config: ConfigInput): Promise<string> {
	const configuration = parseConfig(JSON.stringify(config, null, 1), {
		kind: "file",
		path: "/etc/p.json",
	});
	try {
		await createPolicy(configuration, SERVER);
	} catch (error) {
		if (error instanceof ConfigError) return error.message;
		throw error;
	}
	throw new Error("the policy was made");
}

describe("a policy", () => {
	it.skipIf(process.platform === "win32")(
		"is made of a configuration and the server's own facts",
		async () => {
			const policy = await createPolicy(
				loaded({
					allowedExecutables: [
						"a",
						{ executable: "/b", blockedArguments: ["x"] },
					],
				}),
				SERVER,
			);
			expect(policy.searchPath).toEqual(["/usr/bin", "/bin"]);
			expect(
				policy.rules.map(({ executable, index }) => [executable, index]),
			).toEqual([
				["a", 0],
				["/b", 1],
			]);
			expect(policy.configured).toBe(true);
			expect(policy.rulePatterns.get(1)?.blocked[0]?.isFoundIn("axb")).toBe(
				true,
			);
			expect(policy.rulePatterns.get(0)).toEqual({
				allowed: undefined,
				blocked: [],
			});
		},
	);

	it("knows an empty list of allowed arguments from none", async () => {
		const policy = await createPolicy(
			loaded({
				allowedExecutables: [
					{ executable: "a", allowedArguments: [] },
					{ executable: "b" },
				],
			}),
			SERVER,
		);
		expect(policy.rulePatterns.get(0)?.allowed).toEqual([]);
		expect(policy.rulePatterns.get(1)?.allowed).toBeUndefined();
	});

	it("has no directories to search where the server has no PATH", async () => {
		const policy = await createPolicy(loaded(), { env: {}, directory: "/" });
		expect(policy.searchPath).toEqual([]);
	});
});

describe("a configuration that cannot become a policy", () => {
	it.each([
		[
			{ blockedArgumentPatterns: ["ok", "("] },
			4,
			/: blockedArgumentPatterns\[1\]: "\("/,
		],
		[{ blockedArgumentPatterns: ["(?=a)"] }, 3, /blockedArgumentPatterns.*RE2/],
		[
			{ allowedExecutables: [{ executable: "a", allowedArguments: ["a(b"] }] },
			6,
			/: allowedExecutables\[0\]\.allowedArguments\[0\]: "a\(b"/,
		],
		[
			{
				allowedExecutables: [{ executable: "a", blockedArguments: ["(a)\\1"] }],
			},
			6,
			/: allowedExecutables\[0\]\.blockedArguments\[0\]: /,
		],
		[
			{ allowedExecutables: [{ executable: "a", env: { "A=B": "x" } }] },
			6,
			/env.*"A=B" is not a variable's name/,
		],
		[
			{ allowedExecutables: [{ executable: "a", env: { "": "x" } }] },
			6,
			/env.*is not a variable's name/,
		],
		[
			{ allowedExecutables: [{ executable: "a", env: { PATH: "/tmp" } }] },
			6,
			/: allowedExecutables\[0\]\.env: PATH is always the server's own/,
		],
		[{ allowedTimeWindows: ["Mon 25:00-26:00"] }, 3, /allowedTimeWindows/],
	] as [ConfigInput, number, RegExp][])(
		"is refused with file, line and key: %j",
		async (config, line, message) => {
			const found = await complaint(config);
			expect(found).toStartWith(`/etc/p.json:${line}: `);
			expect(found).toMatch(message);
		},
	);

	it.each(["a\nb", "$(id)", "a\0b"])(
		"may hold any text in a rule's variable but NUL: %j",
		async (value) => {
			const config = loaded({
				allowedExecutables: [{ executable: "a", env: { A: value } }],
			});
			const made = createPolicy(config, SERVER).then(
				() => "made",
				() => "refused",
			);
			expect(await made).toBe(value.includes("\0") ? "refused" : "made");
		},
	);
});
