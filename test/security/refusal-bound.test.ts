import { describe, expect, it } from "bun:test";
import type { AuditEvent } from "../../src/security/audit-event.ts";
import { RefusalBound } from "../../src/security/refusal-bound.ts";
import { EVENT, logTo } from "../support/audit.ts";

const refusal = (name: string): AuditEvent => ({
	level: "warn",
	operation: "launch",
	executable: name,
	result: "refused",
	reason: `not_in_allowlist: Executable not in allowlist: ${name}`,
});

/** A bounded log over one in memory, and its clock. */
function bounded() {
	const events: AuditEvent[] = [];
	const alerts: AuditEvent[] = [];
	const clock = { now: 5 };
	const log = new RefusalBound(
		logTo((event) => void events.push(event)),
		{ send: (event) => void alerts.push(event) },
		() => clock.now,
	);
	return { events, alerts, clock, log };
}

describe("a flood of refusals", () => {
	it("is recorded singly up to 600 a minute, then counted with the last reason", () => {
		const { events, alerts, clock, log } = bounded();
		for (let index = 0; index < 5000; index++)
			log.record(refusal(`program-${index}`));
		expect(events).toHaveLength(600);
		expect(events[0]).toEqual(refusal("program-0"));
		clock.now += 60_000;
		log.record(refusal("next minute"));
		expect(events.slice(600)).toEqual([
			{
				...refusal("program-4999"),
				operation: "refusals",
				reason:
					"4400 more refusals were not recorded singly, the last one a launch: not_in_allowlist: Executable not in allowlist: program-4999",
			},
			refusal("next minute"),
		]);
		expect(alerts).toEqual(events);
		log.close();
		expect(events).toHaveLength(602);
	});

	it("leaves every launch and end on record", () => {
		const { events, alerts, log } = bounded();
		for (let index = 0; index < 1000; index++) {
			log.record(refusal("x"));
			log.commit(EVENT);
			log.record({ ...EVENT, operation: "exit" });
		}
		log.close();
		const count = (operation: string) =>
			events.filter((event) => event.operation === operation).length;
		expect([count("exit"), count("refusals")]).toEqual([1000, 1]);
		expect(count("launch")).toBe(1000 + 600);
		expect(alerts).toHaveLength(601);
	});

	it("is told of at the end, whatever the log says to it", () => {
		let isFull = false;
		const log = new RefusalBound(
			logTo(() => {
				if (isFull) throw new Error("the disk is full");
			}),
		);
		for (let index = 0; index < 601; index++) log.record(refusal("x"));
		isFull = true;
		expect(() => log.record(refusal("x"))).not.toThrow();
		expect(() => log.close()).not.toThrow();
	});
});
