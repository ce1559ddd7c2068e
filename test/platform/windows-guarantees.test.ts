import { describe, expect, it } from "bun:test";
import { guarantees } from "../../src/platform/windows-guarantees.ts";

describe("what a user may rely on under Windows", () => {
	it("is said once for each matter, in short", () => {
		const all = guarantees(true, true);
		const ids = all.map(({ id }) => id);
		expect(ids).toEqual([...new Set(ids)]);
		for (const id of ["tree.termination", "server.death", "graceful"])
			expect(ids).toContain(id);
		for (const { id, promise, how } of all) {
			if (!id.startsWith("limits.")) expect(promise).toEndWith(".");
			expect(promise.length).toBeLessThan(90);
			expect(how.length).toBeLessThan(160);
		}
	});

	it("is less where the server has no Job Object", () => {
		const of = (hasJob: boolean) =>
			guarantees(hasJob, true).find(({ id }) => id === "server.death")?.by;
		expect(of(true)).toBe("kernel");
		expect(of(false)).toBe("unavailable");
	});

	it("is the server's care where a job takes no CPU rate", () => {
		const of = (capsCpu: boolean) =>
			guarantees(true, capsCpu).find(({ id }) => id === "limits.maxCpuPercent");
		expect(of(true)?.by).toBe("kernel");
		expect(of(false)?.by).toBe("server");
		expect(of(false)?.how).toStartWith("the server, which pauses the tree");
	});
});
