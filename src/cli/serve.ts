import { diagnose, messageOf } from "../errors.ts";
import { greet } from "../greeting.ts";
import { livesIn, startSelf } from "../process/launcher.ts";
import { ProcessManager } from "../process/manager.ts";
import type { AuditLog } from "../security/audit.ts";
import type { AuditEvent } from "../security/audit-event.ts";
import { RefusalBound } from "../security/refusal-bound.ts";
import { Groups } from "../supervision/group.ts";
import { Services } from "../supervision/services.ts";
import { Calls } from "../tools/calls.ts";
import { LineTransport } from "../transport.ts";
import { type Wired, wire } from "./wire.ts";

/** A server that is running. */
export interface Session {
	/** Resolves when the client has closed its side. */
	readonly ended: Promise<void>;
	/** Ends this process by the system's own means, where it has any; after `stop`. */
	exit(code: number): void;
	/** Ends every process, tells the client what it still waits for, and closes the audit log. */
	stop(reason: string): Promise<void>;
}

/** Milliseconds that answers under way, unread output and waiting alerts are given at the end. */
const LAST_ANSWERS = 250;
const LAST_BYTES = 500;
const LAST_ALERTS = 500;
/** Milliseconds after which a server has started, and its client seen the tools. */
const STARTED = 2000;
/** Seconds after which the system ends the server, should it be too busy to do so. */
const STOP_DEADLINE = 5;

/**
 * Serves MCP over standard input and output.
 *
 * @throws ConfigError where the configuration cannot be used
 */
export async function serve(options: {
	readonly config: string | undefined;
	readonly version: string;
}): Promise<Session> {
	const wired = await wire(options.config);
	const { loaded, platform, gate } = wired;
	platform.prepareServer(startSelf, livesIn);
	const { audit, stopAlerts } = await auditOf(wired);
	const record = (operation: string, reason: string) =>
		recordIn(audit, { level: "info", operation, result: "success", reason });
	record("server_start", `version ${options.version}, pid ${process.pid}`);
	if (loaded.source.kind === "none") {
		diagnose(
			"no configuration, so nothing may be started; write one with --create-config and name it with --config",
		);
	}
	const manager = new ProcessManager(
		loaded.config,
		gate(audit),
		platform,
		audit,
	);
	const transport = new LineTransport(Bun.stdin.stream(), Bun.stdout.writer());
	const services = new Services(manager);
	const groups = new Groups(manager);
	const calls = new Calls();
	const { version } = options;
	void greet(transport, version).then(async (greeted) => {
		if (!greeted) return;
		// Loaded when the client has been answered, or has something to ask.
		const { serveTools } = await import("../server.ts");
		const parts = { version, manager, services, groups, calls };
		await serveTools(greeted, parts);
	});
	setTimeout(() => platform.forgetStart?.(), STARTED);
	return {
		ended: transport.ended,
		exit: (code) => platform.exit(code),
		async stop(reason) {
			platform.endWithin(STOP_DEADLINE);
			// Who waits for something gets what there is; the rest is soon done.
			calls.end();
			await transport.idle(LAST_ANSWERS);
			services.close();
			await manager.stopAll();
			await Promise.all([transport.idle(LAST_ANSWERS), stopAlerts()]);
			await transport.flush(LAST_BYTES);
			record("server_stop", reason);
			audit.close();
		},
	};
}

/** The audit log as a server keeps it, and the alerts where they are asked for. */
async function auditOf({ loaded, audit: log }: Wired): Promise<{
	readonly audit: AuditLog;
	/** Sends what waits, and no more. */
	stopAlerts(): Promise<void>;
}> {
	const { enableSecurityAlerts, securityAlertWebhook } = loaded.config;
	if (!enableSecurityAlerts || securityAlertWebhook === undefined) {
		const audit = new RefusalBound(log);
		return { audit, stopAlerts: async () => audit.tellCount() };
	}
	const { AlertSender } = await import("../security/alert.ts");
	const sender = new AlertSender({
		url: securityAlertWebhook,
		onLost(reason) {
			diagnose(`an alert could not be posted: ${reason}`);
			recordIn(log, {
				level: "error",
				operation: "alert",
				result: "lost",
				reason,
			});
		},
	});
	const audit = new RefusalBound(log, sender);
	return {
		audit,
		stopAlerts() {
			audit.tellCount();
			return sender.stop(LAST_ALERTS);
		},
	};
}

/** The server serves on where a record can't be written, and refuses launches. */
function recordIn(log: AuditLog, event: AuditEvent): void {
	try {
		log.record(event);
	} catch (error) {
		diagnose(messageOf(error));
	}
}
