import { describe, expect, it } from "bun:test";
import {
	ERROR_CODES,
	messageOf,
	ProcessError,
	systemCode,
	VIOLATIONS,
	violation,
} from "../src/errors.ts";

describe("the lists that clients may branch on", () => {
	it("are the contract's", () => {
		const codes: string[] = [...ERROR_CODES];
		const violations: string[] = [...VIOLATIONS];
		expect(codes.sort()).toEqual(
			`CONCURRENT_LIMIT_EXCEEDED CONFIRMATION_DECLINED CONFIRMATION_UNAVAILABLE
			EXECUTABLE_NOT_FOUND GROUP_NOT_FOUND INTERNAL_ERROR INVALID_ARGUMENT
			INVALID_WORKING_DIRECTORY OUTPUT_NOT_CAPTURED PERMISSION_DENIED
			PIPELINE_DATA_LOST PROCESS_NOT_FOUND PROCESS_NOT_RUNNING
			RATE_LIMIT_EXCEEDED SECURITY_VIOLATION SERVICE_EXISTS SERVICE_NOT_FOUND
			SPAWN_FAILED STDIN_NOT_AVAILABLE TERMINATION_FAILED TOTAL_LIMIT_EXCEEDED
			UNKNOWN_TOOL`.split(/\s+/),
		);
		expect(violations.sort()).toEqual(
			`argument_blocked argument_injection argument_limit argument_traversal
			dangerous_executable env_var_injection env_var_limit not_in_allowlist
			output_not_allowed resource_maximum setuid_executable shell_interpreter
			stdin_not_allowed termination_not_allowed time_window unsafe_location
			working_directory_restricted`.split(/\s+/),
		);
	});
});

describe("violation", () => {
	it("is a refusal by the policy that keeps its details", () => {
		const error = violation("argument_limit", "too many", "fewer", {
			index: 1,
		});
		expect(error).toBeInstanceOf(ProcessError);
		expect(error).toBeInstanceOf(Error);
		expect([error.code, error.message, error.remediation]).toEqual([
			"SECURITY_VIOLATION",
			"too many",
			"fewer",
		]);
		expect(error.details).toEqual({ violation: "argument_limit", index: 1 });
	});
});

describe("systemCode", () => {
	it("is a system error's, and no other value's", async () => {
		const error: unknown = await Bun.file("/nowhere/at/all")
			.text()
			.catch((thrown: unknown) => thrown);
		expect(systemCode(error)).toBe("ENOENT");
		for (const value of [
			new Error("x"),
			{ code: "ENOENT" },
			null,
			undefined,
			"ENOENT",
			Object.assign(new Error("x"), { code: 5 }),
		])
			expect(systemCode(value)).toBeUndefined();
	});
});

describe("messageOf", () => {
	it("is one line of whatever was thrown", () => {
		expect(messageOf(new Error("one\n  two\n"))).toBe("one two ");
		expect([null, undefined, 5, "text", { a: 1 }].map(messageOf)).toEqual([
			"null",
			"undefined",
			"5",
			"text",
			"[object Object]",
		]);
	});
});
