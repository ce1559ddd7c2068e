import { describe, expect, it } from "bun:test";
import { ptr } from "../../src/platform/ffi.ts";
import { canAdopt, prepare } from "../../src/platform/linux-prepare.ts";

const ADOPT = 36;
const EINVAL = 22;
const EPERM = 1;

/** A C library in which one option of prctl(2) fails. */
function libc(refused: number, error: number) {
	const errno = new Int32Array(1);
	const asked: number[] = [];
	return {
		asked,
		__errno_location: () => ptr(errno),
		prctl(option: number) {
			asked.push(option);
			if (option !== refused) return 0;
			errno[0] = error;
			return -1;
		},
	};
}

describe("the preparation of a server on Linux", () => {
	it("adopts where it can", () => {
		expect(prepare(libc(0, 0))).toBe(true);
	});

	it("goes on where adopting is unknown, and leaves out nothing else", () => {
		const emulator = libc(ADOPT, EINVAL);
		expect(prepare(emulator)).toBe(false);
		const real = libc(0, 0);
		prepare(real);
		expect(emulator.asked).toEqual(real.asked);
	});

	it("fails where adopting is known and refused", () => {
		expect(() => prepare(libc(ADOPT, EPERM))).toThrow("PR_SET_CHILD_SUBREAPER");
		const without = { ...libc(ADOPT, EINVAL), __errno_location: () => null };
		expect(() => prepare(without)).toThrow("PR_SET_CHILD_SUBREAPER");
	});

	it.each([1, 4, 38])("fails where option %d is unknown", (option) => {
		expect(() => prepare(libc(option, EINVAL))).toThrow("prctl(");
	});

	it("is told beforehand whether it will adopt", () => {
		expect(canAdopt(libc(37, EINVAL))).toBe(false);
		expect(canAdopt(libc(0, 0))).toBe(true);
	});
});
