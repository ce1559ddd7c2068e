import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { type Config, configSchema } from "../../src/config/schema.ts";
import { ProcessError } from "../../src/errors.ts";
import { LaunchLedger, type Place } from "../../src/security/rate-limit.ts";
import { refusalOf } from "../support/policy-gate.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A ledger whose clock the test turns. */
function ledgerOf(limits: Partial<Config>) {
	const clock = { now: 1_000_000 };
	const config = { ...configSchema.parse({}), ...limits };
	return { clock, ledger: new LaunchLedger(config, () => clock.now) };
}

describe("concurrency", () => {
	it("is refused at the limit, and allowed again after a release", () => {
		const { ledger } = ledgerOf({ maxConcurrentProcesses: 2 });
		const places = ["a", "b"].map((agent) => {
			ledger.checkConcurrency(agent);
			return ledger.enter(agent);
		});
		const { code, message, remediation, details } = refusalOf(() =>
			ledger.checkConcurrency("c"),
		);
		expect(code).toBe("CONCURRENT_LIMIT_EXCEEDED");
		expect(message).toStartWith("Maximum concurrent processes reached: 2 ");
		expect(remediation).toContain("maxConcurrentProcesses");
		expect(details).toEqual({ running: 2, key: "maxConcurrentProcesses" });
		places[0]?.release();
		expect(() => ledger.checkConcurrency("c")).not.toThrow();
	});

	it("counts a release once", () => {
		const { ledger } = ledgerOf({ maxConcurrentProcesses: 2 });
		const { release } = ledger.enter("a");
		ledger.enter("a");
		ledger.enter("a");
		release();
		release();
		release();
		expect(refusalOf(() => ledger.checkConcurrency("a")).details).toMatchObject(
			{ running: 2 },
		);
	});

	it("is counted for each agent where that is asked for", () => {
		const { ledger } = ledgerOf({
			maxConcurrentProcesses: 3,
			maxConcurrentProcessesPerAgent: 1,
		});
		const { release } = ledger.enter("a");
		const { details, message } = refusalOf(() => ledger.checkConcurrency("a"));
		expect(details).toEqual({
			running: 1,
			key: "maxConcurrentProcessesPerAgent",
		});
		expect(message).toStartWith("Maximum concurrent processes reached");
		expect(() => ledger.checkConcurrency("b")).not.toThrow();
		release();
		expect(() => ledger.checkConcurrency("a")).not.toThrow();
	});

	it("is unmoved by agents whose names objects have of themselves", () => {
		const { ledger } = ledgerOf({ maxConcurrentProcessesPerAgent: 1 });
		for (const agent of ["__proto__", "constructor", ""]) {
			expect(() => ledger.checkConcurrency(agent)).not.toThrow();
			ledger.enter(agent);
			expect(refusalOf(() => ledger.checkConcurrency(agent)).code).toBe(
				"CONCURRENT_LIMIT_EXCEEDED",
			);
		}
	});

	it("never exceeds its limits, whatever the order of launches and ends", () => {
		const agents = ["a", "b", "c"];
		const step = fc.record({
			agent: fc.constantFrom(...agents),
			end: fc.boolean(),
			which: fc.nat(),
		});
		fc.assert(
			fc.property(
				fc.array(step),
				fc.integer({ min: 1, max: 5 }),
				fc.integer({ min: 1, max: 3 }),
				(steps, all, each) => {
					const { ledger } = ledgerOf({
						maxConcurrentProcesses: all,
						maxConcurrentProcessesPerAgent: each,
					});
					let running: Place[] = [];
					for (const { agent, end, which } of steps) {
						const ending = end ? running[which % running.length] : undefined;
						if (ending) {
							ending.release();
							running = running.filter((one) => one !== ending);
							continue;
						}
						const mine = running.filter((one) => one.agent === agent).length;
						const fits = running.length < all && mine < each;
						if (!fits) expect(() => ledger.checkConcurrency(agent)).toThrow();
						else {
							ledger.checkConcurrency(agent);
							running.push(ledger.enter(agent));
						}
					}
				},
			),
		);
	});
});

describe("the total", () => {
	it("counts launches that ended too", () => {
		const { ledger } = ledgerOf({ maxTotalProcesses: 2 });
		ledger.enter("a").release();
		expect(() => ledger.checkConcurrency("a")).not.toThrow();
		ledger.enter("a").release();
		const { code, details, remediation } = refusalOf(() =>
			ledger.checkConcurrency("b"),
		);
		expect(code).toBe("TOTAL_LIMIT_EXCEEDED");
		expect(details).toEqual({ key: "maxTotalProcesses" });
		expect(remediation).toContain("maxTotalProcesses");
	});
});

describe("the rate", () => {
	it("holds within any minute, and says when to try again", () => {
		const { ledger, clock } = ledgerOf({ maxLaunchesPerMinute: 2 });
		ledger.enter("a");
		clock.now += 20_000;
		ledger.checkRate();
		ledger.enter("a");
		clock.now += 10_000;
		const { code, message, remediation, details } = refusalOf(() =>
			ledger.checkRate(),
		);
		expect(code).toBe("RATE_LIMIT_EXCEEDED");
		expect(message).toStartWith(
			"Process launch rate limit exceeded (maxLaunchesPerMinute)",
		);
		expect(message).toContain("30 s");
		expect(remediation).toContain("maxLaunchesPerMinute");
		expect(details).toEqual({
			key: "maxLaunchesPerMinute",
			retryAfterMs: 30_000,
		});
		clock.now += 29_999;
		expect(() => ledger.checkRate()).toThrow();
		clock.now += 1;
		expect(() => ledger.checkRate()).not.toThrow();
	});

	it("is not used up by refused tries", () => {
		const { ledger, clock } = ledgerOf({ maxLaunchesPerMinute: 1 });
		ledger.enter("a");
		for (let at = 0; at < 59; at++) {
			clock.now += 1000;
			expect(() => ledger.checkRate()).toThrow();
		}
		clock.now += 1000;
		expect(() => ledger.checkRate()).not.toThrow();
	});

	it("holds within any hour where that is asked for", () => {
		const { ledger, clock } = ledgerOf({ maxLaunchesPerHour: 2 });
		ledger.enter("a");
		clock.now += 30 * MINUTE;
		ledger.enter("a");
		expect(refusalOf(() => ledger.checkRate()).details).toEqual({
			key: "maxLaunchesPerHour",
			retryAfterMs: 30 * MINUTE,
		});
		clock.now += 30 * MINUTE;
		expect(() => ledger.checkRate()).not.toThrow();
	});

	it("stays closed for the cooldown after it was reached", () => {
		const { ledger, clock } = ledgerOf({
			maxLaunchesPerMinute: 1,
			rateLimitCooldownSeconds: 300,
		});
		ledger.enter("a");
		expect(refusalOf(() => ledger.checkRate()).details).toMatchObject({
			retryAfterMs: 300_000,
		});
		clock.now += 200_000;
		const { details, message } = refusalOf(() => ledger.checkRate());
		expect(details).toEqual({
			key: "rateLimitCooldownSeconds",
			retryAfterMs: 100_000,
		});
		expect(message).toContain("100 s");
		clock.now += 100_000;
		expect(() => ledger.checkRate()).not.toThrow();
	});

	it("says the longest of the waits where more than one limit is reached", () => {
		const both = ledgerOf({ maxLaunchesPerMinute: 1, maxLaunchesPerHour: 1 });
		both.ledger.enter("a");
		expect(retryAfter(both.ledger)).toBe(HOUR);

		const cooling = ledgerOf({
			maxLaunchesPerMinute: 1,
			rateLimitCooldownSeconds: 1,
		});
		cooling.ledger.enter("a");
		expect(retryAfter(cooling.ledger)).toBe(MINUTE);
		// The cooldown that the first refusal began ends long before the minute.
		expect(retryAfter(cooling.ledger)).toBe(MINUTE);
	});

	it("lets in a try after the time that a refusal named, and never exceeds its limits", () => {
		const limits = fc.record({
			maxLaunchesPerMinute: fc.integer({ min: 1, max: 4 }),
			maxLaunchesPerHour: fc.integer({ min: 1, max: 20 }),
			rateLimitCooldownSeconds: fc.integer({ min: 0, max: 100 }),
		});
		fc.assert(
			fc.property(limits, fc.array(fc.nat(90_000)), (limits, gaps) => {
				const { ledger, clock } = ledgerOf(limits);
				const launches: number[] = [];
				for (const gap of gaps) {
					clock.now += gap;
					clock.now += retryAfter(ledger) ?? 0;
					expect(retryAfter(ledger)).toBeUndefined();
					ledger.enter("a");
					launches.push(clock.now);
				}
				const { maxLaunchesPerMinute, maxLaunchesPerHour } = limits;
				expect(most(launches, MINUTE)).toBeLessThanOrEqual(
					maxLaunchesPerMinute,
				);
				expect(most(launches, HOUR)).toBeLessThanOrEqual(maxLaunchesPerHour);
			}),
		);
	});
});

/** The wait that a refusal names; undefined where the launch is let in. */
function retryAfter(ledger: LaunchLedger): number | undefined {
	try {
		ledger.checkRate();
		return undefined;
	} catch (error) {
		if (!(error instanceof ProcessError)) throw error;
		return Number(error.details?.retryAfterMs);
	}
}

/** The most launches within any window of a length. */
function most(launches: readonly number[], window: number): number {
	return Math.max(
		0,
		...launches.map(
			(end) => launches.filter((at) => at > end - window && at <= end).length,
		),
	);
}
