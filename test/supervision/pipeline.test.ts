import { describe, expect, it } from "bun:test";
import type { ManagedProcess } from "../../src/process/process.ts";
import { KernelPassage } from "../../src/supervision/pipeline.ts";

/** A stage that ended so many milliseconds after the hour; undefined: it runs. */
function stage(ended?: { at: number; exitCode?: number; signal?: string }) {
	const termination = ended && {
		exitCode: ended.exitCode ?? 0,
		signal: ended.signal ?? null,
		endedAt: new Date(ended.at),
	};
	const tree = { alive: () => (ended ? [] : [1]) };
	return {
		termination,
		tree,
		ended: Promise.resolve(),
	} as unknown as ManagedProcess;
}

const flowOf = (from: ManagedProcess, to: ManagedProcess) =>
	new KernelPassage(from, to).flow;

describe("a kernel pipe between two stages", () => {
	it("passes while both run, and is broken when only its reader has ended", () => {
		expect(flowOf(stage(), stage())).toBe("piped");
		expect(flowOf(stage(), stage({ at: 0 }))).toBe("broken");
	});

	it("is broken for who died of it, or failed behind its reader's end", () => {
		const reader = stage({ at: 100 });
		expect(
			flowOf(stage({ at: 100, exitCode: 141, signal: "SIGPIPE" }), reader),
		).toBe("broken");
		expect(flowOf(stage({ at: 120, exitCode: 1 }), reader)).toBe("broken");
	});

	it("has passed all of who ended well, whose end is heard of first or not", () => {
		const reader = stage({ at: 100 });
		for (const at of [90, 100, 101, 5000])
			expect([at, flowOf(stage({ at }), reader)]).toEqual([at, "ended"]);
		// Tests that fail, say, and their tail.
		for (const at of [90, 101])
			expect(flowOf(stage({ at, exitCode: 1 }), reader)).toBe("ended");
	});
});
