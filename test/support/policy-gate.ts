import { chmodSync, mkdirSync, realpathSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { type LoadedConfig, parseConfig } from "../../src/config/load.ts";
import type { ConfigInput } from "../../src/config/schema.ts";
import { ProcessError } from "../../src/errors.ts";
import type { LaunchRequest, Probes } from "../../src/security/attempt.ts";
import { type AuditLog, noAuditLog } from "../../src/security/audit.ts";
import type { Environment } from "../../src/security/environment.ts";
import { type Admitted, Gate } from "../../src/security/gate.ts";
import { createPolicy } from "../../src/security/policy.ts";
import { LaunchLedger } from "../../src/security/rate-limit.ts";
import type { SelfFile } from "../../src/security/self.ts";
import { Scratch } from "./server.ts";

/** A configuration as it would come from the environment variable. */
export function loaded(config: ConfigInput = {}): LoadedConfig {
	return parseConfig(JSON.stringify(config), {
		kind: "environment",
		variable: "MCP_PROCESS_CONFIG",
	});
}

/** A folder of a test's own with a bin directory, which is the whole of PATH. */
export class Programs extends Scratch {
	/** The folder with its own links resolved. */
	readonly root = realpathSync(this.path);
	readonly bin = this.folder("bin");

	/** Makes a folder below the root. */
	folder(name: string, mode = 0o755): string {
		const path = join(this.root, name);
		mkdirSync(path, { recursive: true });
		chmodSync(path, mode);
		return path;
	}

	/** Makes an executable file; a name without a folder goes to bin. */
	program(name: string, mode = 0o755): string {
		const place = name.includes("/") ? name : join("bin", name);
		this.folder(dirname(place));
		const path = this.write(place, "#!/bin/true\n", mode);
		chmodSync(path, mode);
		return join(this.root, place);
	}

	/** Makes a link; a name without a folder goes to bin. */
	link(name: string, target: string): string {
		const place = name.includes("/") ? name : join("bin", name);
		this.folder(dirname(place));
		const path = join(this.root, place);
		symlinkSync(target, path);
		return path;
	}

	/** A gate whose PATH is bin and whose own directory is the root. */
	gate(config: ConfigInput, options: GateOptions = {}): Promise<Gate> {
		return makeGate(config, {
			directory: this.root,
			...options,
			env: { PATH: this.bin, ...options.env },
		});
	}
}

export interface GateOptions {
	readonly env?: Environment;
	readonly directory?: string;
	readonly self?: SelfFile;
	readonly probes?: Probes;
	readonly audit?: AuditLog;
	readonly now?: () => number;
	readonly clock?: () => Date;
	readonly configuration?: LoadedConfig;
}

export const noCapabilities: Probes = { hasCapabilities: () => false };

/** A gate over real files; only the clock and what the caller passes are not the system's. */
export async function makeGate(
	config: ConfigInput,
	options: GateOptions = {},
): Promise<Gate> {
	const configuration = options.configuration ?? loaded(config);
	const { self } = options;
	const policy = await createPolicy(configuration, {
		env: options.env ?? {},
		directory: options.directory ?? "/",
		...(self && { self }),
	});
	return new Gate(
		policy,
		new LaunchLedger(configuration.config, options.now ?? (() => 0)),
		options.audit ?? noAuditLog,
		options.probes ?? noCapabilities,
		options.clock,
	);
}

type Launch = Partial<LaunchRequest> & Pick<LaunchRequest, "executable">;

export function admit(gate: Gate, launch: Launch): Promise<Admitted> {
	return gate.admit({ args: [], agent: "test", ...launch });
}

/** A launch that has to be refused, and with what. */
export async function refuse(
	gate: Gate,
	launch: Launch,
): Promise<ProcessError> {
	let admitted: Admitted;
	try {
		admitted = await admit(gate, launch);
	} catch (error) {
		if (error instanceof ProcessError) return error;
		throw error;
	}
	throw new Error(
		`${JSON.stringify(launch)} was admitted as ${admitted.executable.real}`,
	);
}

/** What a function refuses with. */
export function refusalOf(action: () => unknown): ProcessError {
	try {
		action();
	} catch (error) {
		if (error instanceof ProcessError) return error;
		throw error;
	}
	throw new Error("nothing was refused");
}

/** Which layer refused, with which violation (or code), for assertions on one line. */
export function verdictOf(error: ProcessError): string {
	const { layer = "-", violation = error.code } = error.details ?? {};
	return `${layer}: ${violation}`;
}

/** What refused a launch, in the form of `verdictOf`; "admitted" where nothing did. */
export async function verdict(gate: Gate, launch: Launch): Promise<string> {
	try {
		await admit(gate, launch);
		return "admitted";
	} catch (error) {
		if (error instanceof ProcessError) return verdictOf(error);
		throw error;
	}
}
