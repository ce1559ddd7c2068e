import { homedir } from "node:os";
import { join } from "node:path";

/** How a client's file lists servers. */
export type Format =
	| { readonly kind: "json"; readonly key: string; readonly typed: boolean }
	| { readonly kind: "toml"; readonly key: string };

/** A program for agents that starts MCP servers. */
export interface Client {
	/** What a user types. */
	readonly name: string;
	readonly title: string;
	/** Its file for this user. */
	readonly path: string;
	readonly format: Format;
}

/** What the places of clients' files depend on. */
export interface Places {
	readonly platform: NodeJS.Platform;
	readonly home: string;
	readonly env: Readonly<Record<string, string | undefined>>;
}

/** The name under which every client lists this server. */
export const SERVER_NAME = "process";

const JSON_FILE = { kind: "json", key: "mcpServers", typed: false } as const;

/** The clients that this program knows, with their files where they document them. */
export function clientsOf(places: Places): readonly Client[] {
	const { home, env } = places;
	const applications = applicationsFolder(places);
	return [
		{
			name: "claude-code",
			title: "Claude Code",
			path: join(env.CLAUDE_CONFIG_DIR || home, ".claude.json"),
			format: { ...JSON_FILE, typed: true },
		},
		{
			name: "claude-desktop",
			title: "Claude Desktop",
			path: join(applications, "Claude", "claude_desktop_config.json"),
			format: JSON_FILE,
		},
		{
			name: "cursor",
			title: "Cursor",
			path: join(home, ".cursor", "mcp.json"),
			format: JSON_FILE,
		},
		{
			name: "vscode",
			title: "VS Code",
			path: join(applications, "Code", "User", "mcp.json"),
			format: { kind: "json", key: "servers", typed: true },
		},
		{
			name: "codex",
			title: "Codex",
			path: join(env.CODEX_HOME || join(home, ".codex"), "config.toml"),
			format: { kind: "toml", key: "mcp_servers" },
		},
		{
			name: "gemini",
			title: "Gemini CLI",
			path: join(home, ".gemini", "settings.json"),
			format: JSON_FILE,
		},
		{
			name: "kiro",
			title: "Kiro",
			path: join(home, ".kiro", "settings", "mcp.json"),
			format: JSON_FILE,
		},
	];
}

/** The clients' files on this machine, for this user. */
export function clientsHere(): readonly Client[] {
	const { platform, env } = process;
	return clientsOf({ platform, env, home: homedir() });
}

/** Where desktop applications keep what a user sets. */
function applicationsFolder({ platform, home, env }: Places): string {
	switch (platform) {
		case "darwin":
			return join(home, "Library", "Application Support");
		case "win32":
			return env.APPDATA || join(home, "AppData", "Roaming");
		default:
			return env.XDG_CONFIG_HOME || join(home, ".config");
	}
}
