import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { memoryOf } from "../support/proc.ts";
import { TestServer } from "../support/server.ts";

setDefaultTimeout(120_000);

describe("process_get_output", () => {
	it("accounts for every byte of 1 GB, in bounded memory, and answers meanwhile", async () => {
		const capacity = 4 * 2 ** 20;
		await using server = await TestServer.start({
			allowedExecutables: ["head"],
			argumentValidation: "literal",
			maxOutputBufferSize: capacity,
		});
		const before = memoryOf(server.pid, "RssAnon");
		let most = before;
		const { pid } = await server.ok("process_start", {
			executable: "head",
			args: ["-c", "1000000000", "/dev/zero"],
		});
		const wait = server.ok("process_wait", { pid, timeout: 55_000 });
		const pings: number[] = [];
		let isOver = false;
		void wait.then(() => {
			isOver = true;
		});
		while (!isOver) {
			const start = performance.now();
			await server.client.ping();
			pings.push(performance.now() - start);
			most = Math.max(most, memoryOf(server.pid, "RssAnon"));
		}
		expect(await wait).toMatchObject({ event: "exit", exitCode: 0 });
		const { stdoutBytes, dropped } = await server.ok("process_get_output", {
			pid,
		});
		expect(stdoutBytes + dropped.stdout).toBe(1_000_000_000);
		expect(stdoutBytes).toBe(capacity);
		expect(most - before).toBeLessThan(2 * capacity + 16 * 2 ** 20);
		pings.sort((a, b) => a - b);
		expect(pings[Math.floor(pings.length / 2)]).toBeLessThan(50);
		// 50 ms on a machine that does nothing else.
		expect(pings.at(-1)).toBeLessThan(500);
	});
});
