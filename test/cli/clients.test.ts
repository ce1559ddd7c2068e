import { describe, expect, it } from "bun:test";
import { clientsOf } from "../../src/cli/clients.ts";

/** Paths by client, with forward slashes. */
function paths(platform: NodeJS.Platform, env = {}): Record<string, string> {
	return Object.fromEntries(
		clientsOf({ platform, home: "/home/me", env }).map(({ name, path }) => [
			name,
			path.replaceAll("\\", "/"),
		]),
	);
}

const EVERYWHERE = {
	"claude-code": "/home/me/.claude.json",
	cursor: "/home/me/.cursor/mcp.json",
	codex: "/home/me/.codex/config.toml",
	gemini: "/home/me/.gemini/settings.json",
	kiro: "/home/me/.kiro/settings/mcp.json",
};

describe("clients' files", () => {
	it("are where each system has them", () => {
		expect(paths("linux")).toEqual({
			...EVERYWHERE,
			"claude-desktop": "/home/me/.config/Claude/claude_desktop_config.json",
			vscode: "/home/me/.config/Code/User/mcp.json",
		});
		const mac = "/home/me/Library/Application Support";
		expect(paths("darwin")).toEqual({
			...EVERYWHERE,
			"claude-desktop": `${mac}/Claude/claude_desktop_config.json`,
			vscode: `${mac}/Code/User/mcp.json`,
		});
		expect(paths("win32", { APPDATA: "/roaming" })).toEqual({
			...EVERYWHERE,
			"claude-desktop": "/roaming/Claude/claude_desktop_config.json",
			vscode: "/roaming/Code/User/mcp.json",
		});
	});

	it("are where variables say", () => {
		const env = {
			CLAUDE_CONFIG_DIR: "/claude",
			CODEX_HOME: "/codex",
			XDG_CONFIG_HOME: "/xdg",
		};
		expect(paths("linux", env)).toMatchObject({
			"claude-code": "/claude/.claude.json",
			codex: "/codex/config.toml",
			vscode: "/xdg/Code/User/mcp.json",
		});
		expect(paths("linux", { CODEX_HOME: "", XDG_CONFIG_HOME: "" })).toEqual(
			paths("linux"),
		);
	});
});
