import { describe, expect, it } from "bun:test";
import { Supervised, settle } from "../support/supervised.ts";
import { caught } from "../support/table.ts";

describe("a service that crashes at once", () => {
	it("is started again after pauses that double, and then given up with its last words", async () => {
		const test = new Supervised();
		await test.start();
		for (let crash = 0; crash < 4; crash++) {
			await test.crash(3);
			await test.clock.turn(10_000);
		}
		expect(test.log).toEqual([
			"0 start 1",
			"0 restart scheduled",
			"1000 start 2",
			"1000 restart started",
			"10000 restart scheduled",
			"12000 start 3",
			"12000 restart started",
			"20000 restart scheduled",
			"24000 start 4",
			"24000 restart started",
			"30000 service failed",
		]);
		const { service } = test;
		expect(service.state).toBe("failed");
		expect(service.failure).toEqual({
			reason:
				"exited with code 3; 3 restarts in a row did not help (restartPolicy.maxRetries)",
			output: "output of 4",
		});
		expect(service.past.map(({ run, pid }) => [run, pid])).toEqual([
			[1, 1],
			[2, 2],
			[3, 3],
			[4, 4],
		]);
		expect(test.places).toBe(0);
		expect(test.clock.waiting).toBe(0);
	});

	it("tells its state and the time to the next start", async () => {
		const test = new Supervised();
		await test.start();
		expect(test.service.state).toBe("running");
		await test.crash();
		expect(test.service.state).toBe("backoff");
		await test.clock.turn(400);
		expect(test.service.nextStartIn).toBe(600);
		await test.clock.turn(600);
		expect(test.service.state).toBe("running");
		expect(test.service.nextStartIn).toBeUndefined();
		expect(test.places).toBe(1);
	});
});

describe("a service that was healthy for long enough", () => {
	it("begins a new row of restarts", async () => {
		const test = new Supervised({ maxRetries: 1 });
		await test.start();
		for (let crash = 0; crash < 5; crash++) {
			await test.clock.turn(60_000);
			await test.crash();
			await test.clock.turn(1000);
			expect(test.service.state).toBe("running");
		}
		await test.clock.turn(59_999);
		await test.crash();
		expect(test.service.state).toBe("failed");
	});
});

describe("a service", () => {
	it("that ends with exit code 0 is stopped", async () => {
		const test = new Supervised();
		await test.start();
		await test.crash(0);
		await test.clock.turn(1e6);
		expect(test.service.state).toBe("stopped");
		expect(test.instances).toHaveLength(1);
		expect(test.places).toBe(0);
	});

	it("whose process somebody else ends is not started again", async () => {
		const test = new Supervised();
		await test.start();
		test.latest.end({ cause: "terminated", exitCode: 143, signal: "SIGTERM" });
		await test.clock.turn(1e6);
		expect(test.service.state).toBe("stopped");
		expect(test.instances).toHaveLength(1);
	});

	it("that SIGTERM from elsewhere ends is started again", async () => {
		const test = new Supervised();
		await test.start();
		test.latest.end({ cause: "signaled", exitCode: 143, signal: "SIGTERM" });
		await test.clock.turn(1000);
		expect(test.log.at(-1)).toBe("1000 restart started");
	});

	it("waits for what its process left behind before it is started again", async () => {
		const test = new Supervised();
		test.isSticky = true;
		test.isStubborn = true;
		await test.start();
		await test.crash();
		await test.clock.turn(1e6);
		expect(test.service.state).toBe("recovering");
		expect(test.instances).toHaveLength(1);
		test.latest.clear();
		await test.clock.turn(1000);
		expect(test.instances).toHaveLength(2);
	});

	it("that may not be restarted fails at once", async () => {
		const test = new Supervised({ enabled: false });
		await test.start();
		await test.crash();
		expect(test.service.state).toBe("failed");
		expect(test.clock.waiting).toBe(0);
	});
});

describe("a stop", () => {
	it("during backoff is the end", async () => {
		const test = new Supervised();
		await test.start();
		await test.crash();
		expect(await test.stop()).toBeUndefined();
		expect(test.service.state).toBe("stopped");
		await test.clock.turn(1e6);
		expect(test.instances).toHaveLength(1);
		expect(test.places).toBe(0);
	});

	it("while a launch is under way ends what comes of it", async () => {
		const test = new Supervised();
		const opening = Promise.withResolvers<void>();
		test.gate = opening.promise;
		const starting = caught(test.start());
		await settle();
		const stopping = test.stop();
		await settle();
		expect(test.service.state).toBe("stopping");
		opening.resolve();
		await stopping;
		await settle();
		expect(await starting).toMatchObject({ code: "PROCESS_NOT_RUNNING" });
		expect(test.alive).toEqual([]);
		expect(test.service.state).toBe("stopped");
		expect(test.places).toBe(0);
	});

	it("during a crash or a restart has the last word", async () => {
		for (const first of ["crash", "restart"] as const) {
			const test = new Supervised();
			test.isSticky = true;
			test.isStubborn = true;
			await test.start();
			const restart = first === "restart" ? caught(test.start()) : undefined;
			await test.crash();
			const stopping = test.stop();
			test.latest.clear();
			await stopping;
			await test.clock.turn(1e6);
			expect(test.service.state).toBe("stopped");
			expect(test.instances).toHaveLength(1);
			if (restart)
				expect(await restart).toMatchObject({ code: "PROCESS_NOT_RUNNING" });
		}
	});
});

describe("a restart", () => {
	it("asked for twice at once is one", async () => {
		const test = new Supervised();
		await test.start();
		const [one, two] = await Promise.all([test.start(), test.start()]);
		expect(one).toBe(two);
		expect(test.instances).toHaveLength(2);
		expect(test.service.run).toBe(2);
	});

	it("during backoff comes at once, and only once", async () => {
		const test = new Supervised();
		await test.start();
		await test.crash();
		await test.start();
		expect(test.log.at(-2)).toBe("0 start 2");
		await test.clock.turn(1e6);
		expect(test.instances).toHaveLength(2);
	});

	it("of one that is being stopped is refused", async () => {
		const test = new Supervised();
		test.isStubborn = true;
		await test.start();
		void test.stop();
		expect(await caught(test.start())).toMatchObject({
			code: "PROCESS_NOT_RUNNING",
		});
		test.latest.end({});
	});

	it("of one that has failed or was stopped starts it, with a place", async () => {
		const test = new Supervised({ maxRetries: 0 });
		await test.start();
		await test.crash();
		expect([test.service.state, test.places]).toEqual(["failed", 0]);
		await test.start();
		expect([test.service.state, test.places]).toEqual(["running", 1]);
		await test.stop();
		expect([test.service.state, test.places]).toEqual(["stopped", 0]);
		await test.start();
		expect([test.service.state, test.places]).toEqual(["running", 1]);
	});

	it("that is refused counts as a crash, with its reason", async () => {
		const test = new Supervised({ maxRetries: 1 });
		await test.start();
		test.refusal = "the file is gone";
		await test.crash();
		await test.clock.turn(1000);
		expect(test.service.state).toBe("failed");
		expect(test.service.failure?.reason).toStartWith(
			"could not be started: the file is gone",
		);
		expect(test.places).toBe(0);
	});

	it.each([1, 0])(
		"or a stop that is asked for leaves the failure to the history (retries: %d)",
		async (maxRetries) => {
			const test = new Supervised({ maxRetries });
			const { service } = test;
			await test.start();
			await test.crash();
			expect(service.failure).toBeDefined();
			await test.stop();
			expect([service.state, service.failure]).toEqual(["stopped", undefined]);
			expect(service.past).toMatchObject([{ reason: "exited with code 1" }]);
			await test.start();
			await test.crash();
			const isStarted = test.start();
			expect([service.state, service.failure]).toEqual(["starting", undefined]);
			await isStarted;
		},
	);

	it("that is refused tells who asked, and goes on trying", async () => {
		const test = new Supervised();
		await test.start();
		test.refusal = "not now";
		expect(await caught(test.start())).toMatchObject({ message: "not now" });
		expect(test.service.state).toBe("backoff");
		test.refusal = undefined;
		await test.clock.turn(1000);
		expect(test.service.state).toBe("running");
	});
});
