import { statSync } from "node:fs";
import { loadConfig } from "../config/load.ts";
import { messageOf } from "../errors.ts";
import { currentPlatform } from "../platform/current.ts";
import { ProcessManager } from "../process/manager.ts";
import { createAuditLog } from "../security/audit.ts";
import { Gate } from "../security/gate.ts";
import { createPolicy, type ServerFacts } from "../security/policy.ts";
import { LaunchLedger } from "../security/rate-limit.ts";
import { serveTools } from "../server.ts";
import { tools } from "../tools/index.ts";
import { LineTransport } from "../transport.ts";

/** A server that is running. */
export interface Session {
	/** Resolves when the client has closed its side. */
	readonly ended: Promise<void>;
	/** Ends every process, tells the client what it still waits for, and closes the audit log. */
	stop(reason: string): Promise<void>;
}

/** Milliseconds that answers under way and unread output are waited for at the end. */
const LAST_ANSWERS = 250;
const LAST_BYTES = 500;

/**
 * Serves MCP over standard input and output.
 *
 * @throws ConfigError where the configuration cannot be used
 */
export async function serve(options: {
	readonly config: string | undefined;
	readonly version: string;
}): Promise<Session> {
	const loaded = loadConfig({
		path: options.config,
		env: process.env,
		cwd: process.cwd(),
	});
	const { config, source } = loaded;
	const policy = await createPolicy(loaded, serverFacts());
	const platform = await currentPlatform();
	platform.prepareServer();
	const audit = createAuditLog(config, process.env);
	const record = (operation: string, reason: string) => {
		try {
			audit.record({ level: "info", operation, result: "success", reason });
		} catch (error) {
			// The server serves on, and refuses launches until the log can be written.
			console.error(`mcp-process: ${messageOf(error)}`);
		}
	};
	record("server_start", `version ${options.version}, pid ${process.pid}`);
	if (source.kind === "none") {
		console.error(
			"mcp-process: no configuration, so nothing may be started; write one with --create-config and name it with --config",
		);
	}
	const ledger = new LaunchLedger(config, () => performance.now());
	const gate = new Gate(policy, ledger, audit, platform);
	const manager = new ProcessManager(config, gate, platform, audit);
	const transport = new LineTransport(process.stdin, process.stdout);
	await serveTools(transport, { version: options.version, manager, tools });
	return {
		ended: transport.ended,
		async stop(reason) {
			await transport.idle(LAST_ANSWERS);
			await manager.stopAll();
			await transport.idle(LAST_ANSWERS);
			await transport.flush(LAST_BYTES);
			record("server_stop", reason);
			audit.close();
		},
	};
}

function serverFacts(): ServerFacts {
	const env = Object.fromEntries(
		Object.entries(process.env).flatMap(([name, value]) =>
			value === undefined ? [] : [[name, value]],
		),
	);
	const directory = process.cwd();
	if (!isCompiled()) return { env, directory };
	const { dev, ino } = statSync(process.execPath);
	return { env, directory, self: { device: dev, inode: ino } };
}

/** Whether this runs as a program of its own, not as a script of the runtime's. */
function isCompiled(): boolean {
	return /^(\/\$bunfs\/|B:[\\/]~BUN[\\/])/.test(Bun.main);
}
