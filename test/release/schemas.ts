/**
 * What a release's files have to be like. Scoop's own schema (schema.json in its
 * repository) and the registry's (server.schema.json) are in no package: these
 * are narrower, so that what they let pass, those do, too.
 */

const string = { type: "string", minLength: 1 };
const uri = { type: "string", pattern: "^https://[^$]+$" };
const sum = { type: "string", pattern: "^[a-f0-9]{64}$" };

function object(
	properties: Readonly<Record<string, object>>,
	optional: readonly string[] = [],
): object {
	return {
		type: "object",
		additionalProperties: false,
		required: Object.keys(properties).filter((key) => !optional.includes(key)),
		properties,
	};
}

/** A manifest of Scoop's. */
export const SCOOP = object({
	version: { type: "string", pattern: "^[\\w.\\-+]+$" },
	description: string,
	homepage: uri,
	license: string,
	architecture: object({
		"64bit": object({ url: uri, hash: sum, extract_dir: string }),
	}),
	bin: string,
	checkver: object({ github: uri }),
	autoupdate: object({
		architecture: object({
			"64bit": object({
				url: { type: "string", pattern: "^https://.*\\$version" },
				extract_dir: string,
			}),
		}),
		hash: object({ url: { type: "string", pattern: "^\\$baseurl/" } }),
	}),
});

const transport = object({ type: { const: "stdio" } });

/** The registry's server.json, of 2025-12-11. */
export const SERVER = object({
	$schema: uri,
	name: { type: "string", pattern: "^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$" },
	title: { type: "string", minLength: 1, maxLength: 100 },
	description: { type: "string", minLength: 1, maxLength: 100 },
	version: string,
	websiteUrl: uri,
	repository: object({ url: uri, source: { const: "github" } }),
	packages: {
		type: "array",
		minItems: 2,
		items: object(
			{
				registryType: { enum: ["npm", "mcpb"] },
				identifier: string,
				version: string,
				fileSha256: sum,
				runtimeHint: string,
				transport,
				packageArguments: {
					type: "array",
					items: object({
						type: { const: "named" },
						name: string,
						description: string,
						format: { const: "filepath" },
						isRequired: { type: "boolean" },
					}),
				},
			},
			["fileSha256", "runtimeHint", "packageArguments"],
		),
	},
});
