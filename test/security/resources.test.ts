import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { ProcessError } from "../../src/errors.ts";
import {
	effectiveLimits,
	LIMIT_NAMES,
	type Limits,
} from "../../src/security/resources.ts";

const ALL = new Set(LIMIT_NAMES);

function limits(
	requested: Limits,
	{ rules = [] as Limits[], defaults = {}, maximum = {} } = {},
	enforceable: typeof ALL = ALL,
): Limits {
	return effectiveLimits(
		requested,
		rules,
		{ defaultResourceLimits: defaults, maximumResourceLimits: maximum },
		enforceable,
	);
}

describe("the limits of a launch", () => {
	it("are none where nobody names any", () => {
		expect(limits({})).toEqual({});
	});

	it("are those asked for, up to the maximum", () => {
		const maximum = { maxMemoryMB: 100 };
		expect(limits({ maxMemoryMB: 100 }, { maximum })).toEqual(maximum);
		expect(() => limits({ maxMemoryMB: 100.5 }, { maximum })).toThrow(
			"maxMemoryMB 100.5 > 100",
		);
	});

	it("are the default ones, and the maximum where there is no default", () => {
		const defaults = { maxCpuTime: 50, maxProcesses: 5 };
		const maximum = { maxCpuTime: 20, maxMemoryMB: 100 };
		expect(limits({}, { defaults, maximum })).toEqual({
			maxCpuTime: 20,
			maxProcesses: 5,
			maxMemoryMB: 100,
		});
	});

	it("are the strictest rule's, also above the general maximum", () => {
		const rules = [{ maxMemoryMB: 900 }, { maxMemoryMB: 500 }];
		const maximum = { maxMemoryMB: 100 };
		expect(limits({}, { rules, maximum })).toEqual({ maxMemoryMB: 500 });
		expect(() => limits({ maxMemoryMB: 600 }, { rules, maximum })).toThrow(
			"600 > 500",
		);
	});

	it("are refused where this machine can't enforce them", () => {
		const none: typeof ALL = new Set();
		expect(() => limits({ maxProcesses: 1 }, {}, none)).toThrow(ProcessError);
	});

	it("never exceed the maximum", () => {
		const some = fc.record(
			{ maxMemoryMB: fc.nat(1000), maxProcesses: fc.nat(1000) },
			{ requiredKeys: [] },
		);
		fc.assert(
			fc.property(some, some, some, (requested, defaults, maximum) => {
				try {
					const result = limits(requested, { defaults, maximum });
					for (const name of ["maxMemoryMB", "maxProcesses"] as const)
						if (maximum[name] !== undefined)
							expect(result[name]).toBeLessThanOrEqual(maximum[name]);
				} catch (error) {
					expect(error).toBeInstanceOf(ProcessError);
				}
			}),
		);
	});
});
