import { describe, expect, it } from "bun:test";
import { guarantees } from "../../src/platform/windows-guarantees.ts";

describe("what a user may rely on under Windows", () => {
	it("is said once for each matter, in short", () => {
		const all = guarantees(true);
		const ids = all.map(({ id }) => id);
		expect(ids).toEqual([...new Set(ids)]);
		for (const id of ["tree.termination", "server.death", "graceful"])
			expect(ids).toContain(id);
		for (const { promise, how } of all) {
			expect(promise).toEndWith(".");
			expect(promise.length).toBeLessThan(90);
			expect(how.length).toBeLessThan(160);
		}
	});

	it("is less where the server has no Job Object", () => {
		const of = (hasJob: boolean) =>
			guarantees(hasJob).find(({ id }) => id === "server.death")?.by;
		expect(of(true)).toBe("kernel");
		expect(of(false)).toBe("unavailable");
	});
});
