/** What package managers, desktop clients and the MCP registry read of a release. */
import {
	bugs,
	description,
	homepage,
	keywords,
	license,
	mcpName,
	name,
	repository,
	version,
} from "../../package.json" with { type: "json" };
import { tools } from "../../src/tools/index.ts";
import { binaryOf, TARGETS, type TargetName } from "./targets.ts";

/** An archive or bundle of a release. */
export interface Asset {
	readonly target: TargetName;
	readonly file: string;
	readonly sha256: string;
}

const SUMMARY = "Process manager for AI agents, as an MCP server";
const SOURCE = repository.url.replace(/^git\+|\.git$/g, "");

/** A folder within an archive, and the archive's name without what says its kind. */
export function titleOf(target: TargetName, of = version): string {
	return `${name}-${of}-${target}`;
}

/** Where a file of a release is downloaded. */
export function downloadOf(file: string, of = version): string {
	return `${SOURCE}/releases/download/v${of}/${file}`;
}

function assetFor(assets: readonly Asset[], target: TargetName): Asset {
	const found = assets.find((asset) => asset.target === target);
	if (found === undefined) throw new Error(`no asset for ${target}`);
	return found;
}

/** A formula for Homebrew, on macOS and Linux. */
export function formula(archives: readonly Asset[]): string {
	const source = (target: TargetName) => {
		const { file, sha256 } = assetFor(archives, target);
		return `      url "${downloadOf(file)}"\n      sha256 "${sha256}"`;
	};
	return `class McpProcess < Formula
  desc "${SUMMARY}"
  homepage "${homepage}"
  version "${version}"
  license "${license}"

  on_macos do
    on_arm do
${source("darwin-arm64")}
    end
    on_intel do
${source("darwin-x64")}
    end
  end

  on_linux do
    on_arm do
${source("linux-arm64")}
    end
    on_intel do
${source("linux-x64")}
    end
  end

  def install
    bin.install "mcp-process"
  end

  test do
    assert_match "mcp-process #{version} ", shell_output("#{bin}/mcp-process --version")
  end
end
`;
}

/** A manifest for Scoop. */
export function scoop(archives: readonly Asset[]): object {
	const target = "windows-x64";
	const { file, sha256 } = assetFor(archives, target);
	const next = "$version";
	return {
		version,
		description: SUMMARY,
		homepage,
		license,
		architecture: {
			"64bit": {
				url: downloadOf(file),
				hash: sha256,
				extract_dir: titleOf(target),
			},
		},
		bin: binaryOf(target),
		checkver: { github: SOURCE },
		autoupdate: {
			architecture: {
				"64bit": {
					url: downloadOf(`${titleOf(target, next)}.zip`, next),
					extract_dir: titleOf(target, next),
				},
			},
			hash: { url: "$baseurl/SHA256SUMS" },
		},
	};
}

/** How desktop clients call systems. */
const PLATFORMS = {
	linux: "linux",
	darwin: "darwin",
	windows: "win32",
} as const;

/** The manifest of an MCP bundle, which desktop clients install by a double click. */
export function bundleManifest(target: TargetName): object {
	const entry = `server/${binaryOf(target)}`;
	return {
		manifest_version: "0.3",
		name,
		display_name: "Process manager",
		version,
		description: SUMMARY,
		long_description: description,
		author: { name: "The mcp-process authors", url: homepage },
		repository: { type: "git", url: repository.url },
		homepage,
		documentation: homepage,
		support: bugs.url,
		license,
		keywords,
		server: {
			type: "binary",
			entry_point: entry,
			mcp_config: {
				command: `\${__dirname}/${entry}`,
				args: ["--config", `\${user_config.config}`],
				env: {},
			},
		},
		compatibility: { platforms: [PLATFORMS[TARGETS[target].os]] },
		user_config: {
			config: {
				type: "file",
				title: "Configuration",
				description:
					"What may be started, and how: a file such as mcp-process --create-config PATH writes.",
				required: true,
			},
		},
		tools: tools.map((tool) => {
			const { name, description } = tool.listing();
			return { name, description };
		}),
	};
}

const CONFIG_ARGUMENT = {
	type: "named",
	name: "--config",
	description: "The configuration: what may be started, and how.",
	format: "filepath",
	isRequired: true,
};

/** The entry of the MCP registry. */
export function serverJson(bundles: readonly Asset[]): object {
	const transport = { type: "stdio" };
	return {
		$schema:
			"https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
		name: mcpName,
		title: "mcp-process",
		description: SUMMARY,
		version,
		websiteUrl: homepage,
		repository: { url: SOURCE, source: "github" },
		packages: [
			{
				registryType: "npm",
				identifier: name,
				version,
				runtimeHint: "bunx",
				transport,
				packageArguments: [CONFIG_ARGUMENT],
			},
			...bundles.map(({ file, sha256 }) => ({
				registryType: "mcpb",
				identifier: downloadOf(file),
				version,
				fileSha256: sha256,
				transport,
			})),
		],
	};
}

/** What is published of package.json with the bundled program: no dependency is left. */
export function npmManifest(files: Readonly<Record<string, string>>): object {
	return {
		name,
		version,
		description,
		license,
		homepage,
		repository,
		bugs,
		mcpName,
		keywords,
		type: "module",
		bin: { [name]: files.start },
		files: Object.values(files),
	};
}
