import { ConfigError, loadConfig } from "../../src/config/load.ts";
import type { ConfigInput } from "../../src/config/schema.ts";

/** A configuration that can be told from any other. */
export function marked(name: string): string {
	return JSON.stringify({ allowedExecutables: [name] } satisfies ConfigInput);
}

/** What a configuration that was loaded allows. */
export function allowedBy(options: Parameters<typeof loadConfig>[0]) {
	return loadConfig(options).config.allowedExecutables;
}

/** What is said of a configuration that is refused. */
export function failure(options: Parameters<typeof loadConfig>[0]): string {
	try {
		loadConfig(options);
	} catch (error) {
		if (error instanceof ConfigError) return error.message;
		throw error;
	}
	throw new Error("the configuration was taken");
}
