import { describe, expect, it } from "bun:test";
import { byServer } from "../../src/platform/enforced-by.ts";
import { enforcedBy } from "../../src/process/limits.ts";
import { LIMIT_NAMES } from "../../src/security/resources.ts";
import { platform, run } from "../support/managed.ts";

const WINDOWS = process.platform === "win32";

describe("what enforces a limit", () => {
	it.each([...LIMIT_NAMES])("is known of %s where it can be held", (name) => {
		const words = enforcedBy(name, platform, false);
		expect(words !== undefined).toBe(platform.enforceable.has(name));
	});

	it.skipIf(WINDOWS)("is said by the tree", async () => {
		await using running = await run("/bin/sleep", ["60"]);
		const { tree } = running.launched;
		for (const name of LIMIT_NAMES)
			expect(tree.enforcedBy(name)).toBe(platform.enforcedBy(name));
	});

	it("of CPU is the tree's end where enforcement is strict", () => {
		const by = { enforcedBy: byServer };
		expect(enforcedBy("maxCpuPercent", by, false)).toMatch(/pauses the tree/);
		expect(enforcedBy("maxCpuPercent", by, true)).toMatch(/ends the tree/);
		for (const name of LIMIT_NAMES.filter((each) => each !== "maxCpuPercent"))
			expect(enforcedBy(name, by, true)).toBe(byServer(name));
		const none = { enforcedBy: () => undefined };
		expect(enforcedBy("maxCpuPercent", none, true)).toBeUndefined();
	});
});
