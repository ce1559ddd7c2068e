import { arch, release, platform as system } from "node:os";
import { nameOf } from "../config/load.ts";
import type { Guarantee } from "../platform/platform.ts";
import { guarantees } from "../process/guarantees.ts";
import { wire } from "./wire.ts";

const HEADINGS = {
	kernel: "Enforced by the kernel:",
	server: "Enforced by this server:",
	unavailable: "Not available:",
} as const satisfies Record<Guarantee["by"], string>;

/**
 * What is guaranteed on this machine, as text or as JSON.
 *
 * @throws ConfigError where the configuration cannot be used
 */
export async function doctor(options: {
	readonly config: string | undefined;
	readonly json: boolean;
	readonly version: string;
}): Promise<string> {
	const { loaded, platform, audit } = await wire(options.config);
	const report = {
		version: options.version,
		system: { platform: system(), arch: arch(), release: release() },
		configuration: nameOf(loaded.source),
		guarantees: guarantees(loaded.config, platform, audit),
	};
	if (options.json) return `${JSON.stringify(report, null, 2)}\n`;
	return [
		`mcp-process ${report.version} on ${Object.values(report.system).join(" ")}`,
		`Configuration: ${report.configuration}`,
		...(["kernel", "server", "unavailable"] as const).flatMap((by) =>
			section(
				HEADINGS[by],
				report.guarantees.filter((guarantee) => guarantee.by === by),
			),
		),
		"",
	].join("\n");
}

function section(heading: string, list: readonly Guarantee[]): string[] {
	if (list.length === 0) return [];
	return [
		"",
		heading,
		...list.flatMap(({ id, promise, how }) => [
			`  ${id.padEnd(26)} ${promise}`,
			`  ${"".padEnd(26)} ${how}`,
		]),
	];
}
