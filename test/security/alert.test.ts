import { describe, expect, it } from "bun:test";
import { AlertSender } from "../../src/security/alert.ts";
import { noAuditLog } from "../../src/security/audit.ts";
import type { AuditEvent } from "../../src/security/audit-event.ts";
import { RefusalBound } from "../../src/security/refusal-bound.ts";
import { eventually } from "../support/server.ts";

const REFUSAL: AuditEvent = {
	level: "warn",
	operation: "launch",
	executable: "/bin/rm",
	args: ["--password=hunter2"],
	result: "refused",
	reason: "dangerous_executable: no",
};

/** A web server that answers as told and keeps what it was sent. */
function webhook(answer: (count: number) => Promise<Response> | Response) {
	const bodies: Record<string, unknown>[] = [];
	const server = Bun.serve({
		port: 0,
		hostname: "127.0.0.1",
		async fetch(request) {
			bodies.push((await request.json()) as Record<string, unknown>);
			return answer(bodies.length);
		},
	});
	return {
		bodies,
		url: `http://127.0.0.1:${server.port}/hook`,
		async [Symbol.asyncDispose]() {
			await server.stop(true);
		},
	};
}

function sender(url: string, attemptTimeout = 2000) {
	const lost: string[] = [];
	const alerts = new AlertSender({
		url,
		onLost: (reason) => lost.push(reason),
		firstPause: 5,
		attemptTimeout,
	});
	return { lost, alerts, log: new RefusalBound(noAuditLog, alerts) };
}

describe("a security alert", () => {
	it("is posted as JSON for a refusal, masked, and for nothing else", async () => {
		await using hook = webhook(() => new Response());
		const { log, alerts, lost } = sender(hook.url);
		log.record({ level: "info", operation: "launch", result: "admitted" });
		log.record(REFUSAL);
		await alerts.stop(5000);
		expect(hook.bodies).toHaveLength(1);
		expect(hook.bodies[0]).toMatchObject({
			operation: "launch",
			executable: "/bin/rm",
			args: ["--password=***"],
			result: "refused",
		});
		expect(hook.bodies[0]?.timestamp).toBeString();
		expect(lost).toEqual([]);
	});

	it("is posted again where the server fails, and delivered once", async () => {
		await using hook = webhook(
			(count) => new Response(null, { status: count < 3 ? 503 : 204 }),
		);
		const { log, alerts, lost } = sender(hook.url);
		log.record(REFUSAL);
		await eventually(() => hook.bodies.length === 3 || undefined, "attempts");
		await alerts.stop(5000);
		expect(hook.bodies).toHaveLength(3);
		expect(lost).toEqual([]);
	});

	it("is given up after four attempts, and said to be lost", async () => {
		await using hook = webhook(() => new Response(null, { status: 500 }));
		const { log, alerts, lost } = sender(hook.url);
		log.record(REFUSAL);
		await alerts.stop(20_000);
		expect(hook.bodies).toHaveLength(4);
		expect(lost).toEqual(["status 500"]);
	});

	it("is given up where nobody listens", async () => {
		const { url, ...hook } = webhook(() => new Response());
		await hook[Symbol.asyncDispose]();
		const { log, alerts, lost } = sender(url);
		log.record(REFUSAL);
		await alerts.stop(20_000);
		expect(lost).toHaveLength(1);
	});

	it("does not follow a redirect to another place", async () => {
		await using elsewhere = webhook(() => new Response());
		await using hook = webhook(() => Response.redirect(elsewhere.url, 307));
		const { log, alerts, lost } = sender(hook.url);
		log.record(REFUSAL);
		await alerts.stop(20_000);
		expect(elsewhere.bodies).toEqual([]);
		expect(lost).toEqual(["status 307"]);
	});

	it("never keeps the one who records it waiting, however slow the server", async () => {
		const release = Promise.withResolvers<Response>();
		await using hook = webhook(() => release.promise);
		const { log, alerts, lost } = sender(hook.url, 60_000);
		for (let count = 0; count < 300; count++) log.record(REFUSAL);
		await eventually(() => hook.bodies.length === 1 || undefined, "a post");
		// What waits for the server is given up when the time is over.
		await alerts.stop(50);
		release.resolve(new Response());
		expect(lost.at(-1)).toMatch(/^\d+ more than could wait$/);
		expect(lost.length).toBeLessThanOrEqual(101);
	});
});
