import { delimiter } from "node:path";
import type { Layer } from "./attempt.ts";
import { checkDirectory, intendedDirectory } from "./directory.ts";
import { buildEnvironment } from "./environment.ts";
import { EXECUTABLE_LAYERS } from "./executable-layers.ts";

const environmentLayer: Layer = {
	name: "environment",
	check(attempt) {
		const { request, rule, policy } = attempt;
		attempt.built = buildEnvironment(
			request.env ?? {},
			rule?.env ?? {},
			policy.config,
			{ env: policy.server.env, path: policy.searchPath.join(delimiter) },
		);
	},
};

const directoryLayer: Layer = {
	name: "directory",
	check(attempt) {
		const { directories, server } = attempt.policy;
		attempt.cwd = checkDirectory(
			intendedDirectory(attempt.request.cwd, directories, server.directory),
			directories,
		);
	},
};

const concurrencyLayer: Layer = {
	name: "concurrency",
	check: ({ ledger, request }) => ledger.checkConcurrency(request.agent),
};

const rateLayer: Layer = {
	name: "rate",
	check: ({ ledger }) => ledger.checkRate(),
};

/** Every layer, in the order in which they are asked. */
export const LAYERS: readonly Layer[] = [
	...EXECUTABLE_LAYERS,
	environmentLayer,
	directoryLayer,
	concurrencyLayer,
	rateLayer,
];
