import { describe, expect, it } from "bun:test";
import { sendSignal } from "../../src/platform/signal.ts";
import { run } from "../support/managed.ts";

describe("sendSignal", () => {
	it.each([0, 1, -1, -0, Number.NaN, 1.5, Number.POSITIVE_INFINITY, 2 ** 60])(
		"refuses %d, which could mean this server, init or everybody",
		(target) => {
			expect(() => sendSignal(target, 0)).toThrow(RangeError);
			expect(() => sendSignal(target, "SIGCONT")).toThrow(RangeError);
		},
	);

	it("says that nobody is there", () => {
		// Pids are at most 2^22 (proc_sys_kernel(5)).
		expect(sendSignal(2 ** 22 + 1, 0)).toBe(false);
	});

	it.skipIf(process.platform === "win32")(
		"reaches a process, and its group",
		async () => {
			await using running = await run("/bin/sleep", ["60"]);
			const { pid } = running.launched;
			expect(sendSignal(pid, 0)).toBe(true);
			expect(sendSignal(-pid, 0)).toBe(true);
			expect(running.process.state).toBe("running");
			expect(sendSignal(-pid, "SIGTERM")).toBe(true);
			await running.process.ended;
			expect(running.process.termination?.signal).toBe("SIGTERM");
			expect(sendSignal(-pid, 0)).toBe(false);
		},
	);
});
