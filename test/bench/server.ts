import { configuration } from "./programs.ts";

/** The environment of the server that is measured: this one's, with the configuration in it. */
export function serverEnvironment(folder: string): Record<string, string> {
	const given = Object.entries(process.env).flatMap(([name, value]) =>
		// It would win over the configuration that is given here.
		value === undefined || name === "MCP_PROCESS_CONFIG_PATH"
			? []
			: [[name, value] as const],
	);
	return {
		...Object.fromEntries(given),
		MCP_PROCESS_CONFIG: JSON.stringify(configuration(folder)),
	};
}
