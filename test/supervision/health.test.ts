import { describe, expect, it } from "bun:test";
import { HealthWatch } from "../../src/supervision/health.ts";
import { Supervised, settle, TestClock } from "../support/supervised.ts";

const ILL = { healthy: false, detail: "status 503" } as const;
const WELL = { healthy: true, detail: "status 200" } as const;

describe("a health watch", () => {
	it("never asks twice at once, however long an answer takes", async () => {
		const clock = new TestClock();
		let [running, most, count] = [0, 0, 0];
		const watch = new HealthWatch(
			{ interval: 1000, retries: 1, startPeriod: 0 },
			() =>
				new Promise((resolve) => {
					running++;
					count++;
					most = Math.max(most, running);
					clock.after(3500, () => {
						running--;
						resolve(WELL);
					});
				}),
			clock,
			() => {},
		);
		watch.start();
		await clock.turn(800);
		// A new process is asked only once the old one's check is over.
		watch.start();
		await clock.turn(60_000);
		watch.stop();
		expect(most).toBe(1);
		expect(count).toBeGreaterThan(10);
		const before = count;
		await clock.turn(60_000);
		expect(count).toBe(before);
	});

	it("does not count failures of the start period", async () => {
		const test = new Supervised({}, { interval: 1000, startPeriod: 5000 });
		test.health = ILL;
		await test.start();
		await test.clock.turn(4999);
		expect(test.service.state).toBe("running");
		expect(test.service.health?.consecutiveFailures).toBe(0);
		expect(test.checks).toBeGreaterThan(3);
		await test.clock.turn(1001);
		expect(test.log).toContain("5000 health unhealthy");
		expect(test.service.past[0]?.reason).toBe("unhealthy: status 503");
	});

	it("advises a start period for what is ended before it is up", async () => {
		const test = new Supervised({ maxRetries: 1 }, { interval: 1000 });
		test.health = ILL;
		await test.start();
		await test.clock.turn(1500);
		expect(test.service.state).toBe("backoff");
		expect(test.service.failure?.reason).toStartWith("unhealthy: status 503 (");
		expect(test.service.failure?.reason).toContain("healthCheck.startPeriod");
		await test.clock.turn(5000);
		expect(test.service.state).toBe("failed");
		expect(test.service.failure?.reason).toContain("healthCheck.startPeriod");
		expect(test.service.past.map(({ reason }) => reason)).toEqual([
			"unhealthy: status 503",
			"unhealthy: status 503",
		]);
	});

	it("wants retries failures in a row", async () => {
		const test = new Supervised({}, { interval: 1000, retries: 3 });
		await test.start();
		await test.clock.turn(1000);
		expect(test.service.health?.state).toBe("healthy");
		for (let row = 0; row < 5; row++) {
			test.health = ILL;
			await test.clock.turn(2000);
			expect(test.service.health).toMatchObject({
				state: "healthy",
				consecutiveFailures: 2,
			});
			test.health = WELL;
			await test.clock.turn(1000);
		}
		test.health = ILL;
		await test.clock.turn(3000);
		expect(test.service.state).toBe("backoff");
		expect(test.log.at(-2)).toEndWith("health unhealthy");
		expect(test.service.failure?.reason).toBe("unhealthy: status 503");
	});

	it("lets an unhealthy service live that is not to be restarted, and says so", async () => {
		const test = new Supervised({ enabled: false }, { interval: 1000 });
		test.health = ILL;
		await test.start();
		await test.clock.turn(5000);
		expect(test.service.state).toBe("running");
		expect(test.service.health?.state).toBe("unhealthy");
		test.health = WELL;
		await test.clock.turn(1000);
		expect(test.service.health?.state).toBe("healthy");
	});

	it("does not count what could not be asked", async () => {
		const test = new Supervised({}, { interval: 1000 });
		test.health = { healthy: undefined, detail: "not at this time" };
		await test.start();
		await test.clock.turn(60_000);
		expect(test.service.state).toBe("running");
		expect(test.service.health?.last?.detail).toBe("not at this time");
	});

	it("says nothing of a process that is being restarted", async () => {
		const answer = Promise.withResolvers<typeof ILL>();
		const test = new Supervised(
			{},
			{ interval: 1000, check: () => answer.promise },
		);
		await test.start();
		await test.clock.turn(500);
		await test.start();
		answer.resolve(ILL);
		await settle();
		expect(test.service.state).toBe("running");
		expect(test.service.run).toBe(2);
	});

	it("begins the row of restarts anew after health, not after mere time", async () => {
		const policy = { maxRetries: 1, resetAfterMs: 10_000 };
		const never = new Supervised(policy, {
			interval: 1000,
			startPeriod: 60_000,
		});
		never.health = ILL;
		await never.start();
		await never.clock.turn(20_000);
		await never.crash();
		await never.clock.turn(21_000);
		await never.crash();
		expect(never.service.state).toBe("failed");

		const healthy = new Supervised(policy, { interval: 1000 });
		await healthy.start();
		for (let crash = 0; crash < 4; crash++) {
			await healthy.clock.turn(12_000);
			await healthy.crash();
			expect(healthy.service.state).toBe("backoff");
		}
	});
});
