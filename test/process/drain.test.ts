import { describe, expect, it } from "bun:test";
import { launch } from "../../src/process/launcher.ts";
import { admit } from "../support/gate.ts";
import { platform, Running } from "../support/managed.ts";
import { spend } from "../support/spend.ts";

/** Milliseconds in which this process is not given a processor, as on a busy machine. */
const STALL = 100;

describe.skipIf(process.platform === "win32")("output that nobody read", () => {
	it("is there once it was asked for, however late this process comes to read it", async () => {
		const admitted = await admit("/bin/sh", ["-c", "echo out"]);
		for (let round = 0; round < 10; round++) {
			const options = { capture: true, input: false, unread: true };
			await using running = new Running(launch(admitted, options, platform));
			await running.process.ended;
			const opened = running.process.openOutput();
			spend(STALL);
			await opened;
			expect([round, running.stdout]).toEqual([round, "out\n"]);
		}
	});
});
