import { describe, expect, it } from "bun:test";
import { loadConfig, parseConfig } from "../../src/config/load.ts";
import { SAMPLE_CONFIG } from "../../src/config/sample.ts";
import { makeGate, verdict } from "../support/policy-gate.ts";
import { Scratch } from "../support/server.ts";

const source = { kind: "file", path: "/sample.json" } as const;

describe("the sample configuration", () => {
	it("loads from a file", () => {
		using scratch = new Scratch();
		const path = scratch.write("sample.json", SAMPLE_CONFIG);
		const { config } = loadConfig({ path, env: {}, cwd: "/" });
		expect(config.allowedExecutables).toContain("git");
		expect(config.blockShellInterpreters).toBe(true);
		expect(config.blockSetuidExecutables).toBe(true);
		expect(config.enableAuditLog).toBe(true);
	});

	it("allows nothing that its own gate refuses, and no shell", async () => {
		const configuration = parseConfig(SAMPLE_CONFIG, source);
		const gate = await makeGate({}, { configuration, env: { PATH: "" } });
		for (const entry of configuration.config.allowedExecutables) {
			const executable = typeof entry === "string" ? entry : entry.executable;
			// With an empty PATH what is allowed is not there; what is not, is refused.
			expect([executable, await verdict(gate, { executable })]).toEqual([
				executable,
				"allowlist: EXECUTABLE_NOT_FOUND",
			]);
		}
		for (const executable of ["sh", "bash", "pwsh", "busybox"])
			expect(await verdict(gate, { executable })).toBe(
				"shell: shell_interpreter",
			);
		expect(await verdict(gate, { executable: "curl" })).toBe(
			"allowlist: not_in_allowlist",
		);
	});
});
