import { describe, expect, it } from "bun:test";
import type { ServiceRequest } from "../../src/supervision/services.ts";
import { Services } from "../../src/supervision/services.ts";
import { processGetOutput } from "../../src/tools/output.ts";
import { processList } from "../../src/tools/status.ts";
import { processWait } from "../../src/tools/wait.ts";
import { callTool, succeeds } from "../support/call.ts";
import { eventually } from "../support/server.ts";
import { Supervised } from "../support/supervised.ts";
import { caught, Table } from "../support/table.ts";

const RESTART = {
	enabled: true,
	maxRetries: 3,
	backoffMs: 100,
	maxBackoffMs: 100,
	resetAfterMs: 60_000,
} as const;

function request(name: string, more: Partial<ServiceRequest> = {}) {
	return {
		name,
		executable: "/bin/true",
		args: [],
		agent: "test",
		restartPolicy: RESTART,
		...more,
	};
}

describe.skipIf(process.platform === "win32")("the table of services", () => {
	it("remembers the latest fifty that are over, and each that is not", async () => {
		await using table = await Table.open();
		const services = new Services(table.manager);
		const sleeper = { executable: "/bin/sleep", args: ["600"] };
		await services.start(request("stays", sleeper));
		for (let count = 0; count < 60; count++) {
			const { service } = await services.start(request(`s${count}`));
			await eventually(
				() => (service.state === "stopped" ? true : undefined),
				"it to be stopped",
			);
		}
		await services.start(request("last", sleeper));
		const names = services.list().map(({ name }) => name);
		expect(names).toHaveLength(52);
		expect(names.slice(0, 2)).toEqual(["stays", "s10"]);
		expect(() => services.get("s9")).toThrow("not found");
	});

	it("keeps nothing of a service that could not be started, but the former one", async () => {
		await using table = await Table.open();
		const services = new Services(table.manager);
		const bad = { executable: "/no/such/file" };
		expect(await caught(services.start(request("a", bad)))).toBeDefined();
		expect(services.list()).toEqual([]);
		const { service } = await services.start(request("a"));
		await eventually(
			() => (service.state === "stopped" ? true : undefined),
			"it to be stopped",
		);
		expect(await caught(services.start(request("a", bad)))).toBeDefined();
		expect(services.list()).toEqual([service]);
	});

	it("starts nothing any more once it is closed", async () => {
		await using table = await Table.open();
		const services = new Services(table.manager);
		const { service } = await services.start(
			request("a", { executable: "/bin/false" }),
		);
		await eventually(
			() => (service.state === "backoff" ? true : undefined),
			"it to wait",
		);
		services.close();
		expect(service.state).toBe("stopped");
		expect(await caught(services.start(request("b")))).toMatchObject({
			code: "SPAWN_FAILED",
		});
		expect(table.manager.list()).toHaveLength(service.run);
	});

	it("is waited for between two processes only until that is called off", async () => {
		await using table = await Table.open();
		const services = new Services(table.manager);
		const restartPolicy = { ...RESTART, backoffMs: 60_000 };
		const { service } = await services.start(
			request("a", { executable: "/bin/false", restartPolicy }),
		);
		await eventually(
			() => (service.state === "backoff" ? true : undefined),
			"it to wait",
		);
		const abort = new AbortController();
		const calls = [
			callTool(
				processGetOutput,
				{ serviceId: "a", waitMs: 60_000 },
				table.manager,
				services,
				abort.signal,
			),
			callTool(
				processWait,
				{ serviceId: "a", port: 1, timeout: 60_000 },
				table.manager,
				services,
				abort.signal,
			),
		];
		await eventually(
			() => (service.changed.size === 2 ? true : undefined),
			"both to wait",
		);
		abort.abort();
		const [output, wait] = await Promise.all(calls);
		expect(output?.body).toMatchObject({ stdout: "", cursor: "1:0.0" });
		expect(wait?.body).toMatchObject({ event: "timeout" });
		expect(service.changed.size).toBe(0);
		services.close();
	});

	it("is shown in short, however much its processes wrote", async () => {
		await using table = await Table.open();
		const services = new Services(table.manager);
		const program = "head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1";
		const { service } = await services.start(
			request("loud", {
				executable: "/bin/sh",
				args: ["-c", program],
				restartPolicy: { ...RESTART, maxRetries: 5 },
			}),
		);
		await eventually(
			() => (service.state === "failed" ? true : undefined),
			"it to fail",
		);
		const list = await succeeds(processList, {}, table.manager, services);
		expect(service.past).toHaveLength(6);
		expect(JSON.stringify(list.services).length).toBeLessThan(2500);
	});
});

describe("a service", () => {
	it("remembers its latest ten runs", async () => {
		const test = new Supervised({ maxRetries: 1000, maxBackoffMs: 1000 });
		await test.start();
		for (let crash = 0; crash < 25; crash++) {
			await test.crash();
			await test.clock.turn(1000);
		}
		expect(test.service.past.map(({ run }) => run)).toEqual(
			Array.from({ length: 10 }, (_, index) => 16 + index),
		);
	});
});
