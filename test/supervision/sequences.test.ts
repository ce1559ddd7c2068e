import { expect, it } from "bun:test";
import fc from "fast-check";
import { Supervised, settle } from "../support/supervised.ts";

/** What can be done to a service, in any order. */
const STEPS = [
	"crash",
	"finish",
	"terminate",
	"clear",
	"stop",
	"restart",
	"wait",
	"wait long",
	"ill",
	"well",
	"refuse",
	"allow",
	"hold",
	"open",
] as const;
type Step = (typeof STEPS)[number];

async function run(steps: readonly Step[], isSticky: boolean): Promise<void> {
	const test = new Supervised({}, { interval: 500, retries: 1 });
	test.isSticky = isSticky;
	let open = () => {};
	const ends: Record<string, Parameters<Supervised["latest"]["end"]>[0]> = {
		crash: { exitCode: 1 },
		finish: { exitCode: 0 },
		terminate: { cause: "terminated", exitCode: 143 },
	};
	const act: Partial<Record<Step, () => unknown>> = {
		clear: () =>
			test.instances.at(-1)?.termination && test.instances.at(-1)?.clear(),
		wait: () => test.clock.turn(600),
		"wait long": () => test.clock.turn(70_000),
		ill: () => {
			test.health = { healthy: false, detail: "ill" };
		},
		well: () => {
			test.health = { healthy: true, detail: "well" };
		},
		refuse: () => {
			test.refusal = "no";
		},
		allow: () => {
			test.refusal = undefined;
		},
		hold: () => {
			open();
			const opening = Promise.withResolvers<void>();
			test.gate = opening.promise;
			open = opening.resolve;
		},
		open: () => open(),
	};
	const restart = () => test.start().catch(() => {});
	void restart();
	let stoppedAt: number | undefined;
	for (const step of steps) {
		if (step === "restart") {
			if (test.service.state !== "stopping") stoppedAt = undefined;
			void restart();
		} else if (step === "stop") {
			stoppedAt ??= test.instances.length;
			void test.stop().catch(() => {});
		} else if (ends[step]) {
			test.instances.at(-1)?.end(ends[step]);
		} else {
			await act[step]?.();
		}
		await settle();
		// Two of them throw in `launch`, which would show as a refusal.
		expect(test.alive.length).toBeLessThanOrEqual(1);
		expect(test.service.failure?.reason ?? "").not.toContain("two instances");
		// A launch that was under way when the stop came may still give one, which is ended.
		if (stoppedAt !== undefined)
			expect(test.instances.length).toBeLessThanOrEqual(stoppedAt + 1);
		if (test.service.state === "running") expect(stoppedAt).toBeUndefined();
		expect(test.places).toBeGreaterThanOrEqual(0);
		expect(test.places).toBeLessThanOrEqual(1);
	}
	open();
	await settle();
	test.gate = undefined;
	const stopping = test.stop().catch(() => {});
	await settle();
	const latest = test.instances.at(-1);
	if (latest?.termination) latest.clear();
	await stopping;
	const count = test.instances.length;
	await test.clock.turn(1e6);
	expect(test.instances.length).toBe(count);
	expect(test.alive).toEqual([]);
	expect(test.service.state).toBe("stopped");
	expect(test.places).toBe(0);
	expect(test.clock.waiting).toBe(0);
}

it("never has two instances, nor one after a stop, whatever happens in whatever order", async () => {
	const steps = fc.array(fc.constantFrom(...STEPS), { maxLength: 25 });
	await fc.assert(fc.asyncProperty(steps, fc.boolean(), run), {
		numRuns: 400,
	});
}, 60_000);
