import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import {
	type ArgumentPolicy,
	checkArguments,
} from "../../src/security/arguments.ts";
import { compilePattern } from "../../src/security/pattern.ts";
import { refusalOf } from "../support/policy-gate.ts";

const STRICT: ArgumentPolicy = {
	validation: "strict",
	maxCount: 1000,
	maxLength: 32768,
	blocked: [],
	batchFile: false,
};
const LITERAL: ArgumentPolicy = { ...STRICT, validation: "literal" };

function refused(args: readonly string[], policy: ArgumentPolicy) {
	const error = refusalOf(() => checkArguments(args, policy));
	expect(error.code).toBe("SECURITY_VIOLATION");
	return error;
}

describe("strict arguments", () => {
	it.each([
		["$(id)", "holds $("],
		["`id`", "a backtick"],
		["a|b", "holds |"],
		["a;b", "holds ;"],
		["a&b", "holds &"],
		["a\nb", "a newline"],
	])("refuse %j", (arg, what) => {
		const { message, remediation, details } = refused(["ok", arg], STRICT);
		expect(message).toStartWith("Argument contains suspicious characters: ");
		expect(message).toContain(`args[1] ${JSON.stringify(arg)}`);
		expect(message).toContain(what);
		expect(remediation).toContain("argumentValidation");
		expect(details).toEqual({
			violation: "argument_injection",
			index: 1,
			key: "argumentValidation",
		});
	});

	it.each(["../etc/passwd", "a/../b", "--file=../x", "..\\windows"])(
		"refuse the traversal %j",
		(arg) => {
			const { message, details, remediation } = refused([arg], STRICT);
			expect(message).toStartWith("Argument contains path traversal: ");
			expect(message).toContain(JSON.stringify(arg));
			expect(remediation).toContain("argumentValidation");
			expect(details).toMatchObject({
				violation: "argument_traversal",
				index: 0,
			});
		},
	);

	it("pass what only looks like it", () => {
		const harmless = [
			"$HOME",
			"a>b",
			"(x)",
			"..",
			"a..b",
			"*.ts",
			"",
			" ",
			"-rf",
			"é",
			"'q'",
			'"',
			"\\",
			"\r\t",
			"%PATH%",
			"!",
		];
		expect(() => checkArguments(harmless, STRICT)).not.toThrow();
	});

	it("never pass a metacharacter or a traversal, wherever it stands", () => {
		const holes = fc.constantFrom(
			"$(",
			"`",
			"|",
			";",
			"&",
			"\n",
			"\0",
			"../",
			"..\\",
		);
		fc.assert(
			fc.property(
				fc.string({ unit: "binary" }),
				holes,
				fc.string(),
				(before, hole, after) => {
					expect(() =>
						checkArguments([before + hole + after], STRICT),
					).toThrow();
				},
			),
		);
	});

	it("pass all that holds none", () => {
		fc.assert(
			fc.property(fc.array(fc.string({ unit: "binary" })), (args) => {
				fc.pre(args.every((arg) => !/\$\(|[`|;&\n\0]|\.\.[\\/]/.test(arg)));
				checkArguments(args, STRICT);
			}),
		);
	});
});

describe("literal arguments", () => {
	it("pass anything without NUL", () => {
		fc.assert(
			fc.property(fc.array(fc.string({ unit: "binary" })), (args) => {
				const holdNul = args.some((arg) => arg.includes("\0"));
				if (holdNul) expect(() => checkArguments(args, LITERAL)).toThrow();
				else checkArguments(args, LITERAL);
			}),
		);
	});

	it("refuse NUL, as the system would cut the argument there", () => {
		for (const policy of [STRICT, LITERAL]) {
			const { message, details } = refused(["safe\0; rest"], policy);
			expect(message).toStartWith("Argument contains suspicious characters: ");
			expect(message).toContain("NUL");
			expect(details).toMatchObject({ violation: "argument_injection" });
		}
	});
});

describe("arguments of a Windows batch file", () => {
	it.each([..."\r\n\"%!&|<>^()'`,;="])(
		"may not hold %j in either mode",
		(character) => {
			for (const validation of ["strict", "literal"] as const) {
				const policy = { ...STRICT, validation, batchFile: true };
				const { message, details } = refused([`a${character}b`], policy);
				expect(message).toStartWith(
					"Argument contains suspicious characters: ",
				);
				expect(details).toMatchObject({ violation: "argument_injection" });
			}
		},
	);

	it("may be plain words", () => {
		const policy = { ...LITERAL, batchFile: true };
		checkArguments(["run", "--flag", "C:\\dir\\file.txt", "a b"], policy);
		expect(refused(["%OS%"], policy).message).toContain("cmd.exe");
	});
});

describe("limits", () => {
	it("hold for the number of arguments", () => {
		const policy = { ...LITERAL, maxCount: 2 };
		checkArguments(["a", "b"], policy);
		const { message, details } = refused(["a", "b", "c"], policy);
		expect(message).toContain("3 > 2 (maxArgumentCount)");
		expect(details).toEqual({
			violation: "argument_limit",
			key: "maxArgumentCount",
		});
		expect(() => checkArguments([], { ...policy, maxCount: 0 })).not.toThrow();
	});

	it("hold for the bytes of one, not its characters", () => {
		const policy = { ...LITERAL, maxLength: 4 };
		checkArguments(["abcd", "éé"], policy);
		const { message, details } = refused(["ok", "ééé"], policy);
		expect(message).toContain("args[1] has 6 bytes > 4 (maxArgumentLength)");
		expect(details).toMatchObject({ violation: "argument_limit", index: 1 });
	});

	it("keep the message short, whatever the argument's length", () => {
		const { message } = refused([`;${"x".repeat(30_000)}`], STRICT);
		expect(message.length).toBeLessThan(300);
	});
});

describe("patterns", () => {
	const blocked = [compilePattern("^push$", "blockedArguments")];
	const allowed = [
		compilePattern("status|log", "allowedArguments"),
		compilePattern("-[a-z]", "allowedArguments"),
	];

	it("that block are found anywhere, and named", () => {
		const policy = { ...LITERAL, blocked };
		checkArguments(["pushed", "status"], policy);
		const { message, remediation, details } = refused(["push"], policy);
		expect(message).toBe(
			'Argument is blocked: args[0] "push" matches "^push$" (blockedArguments)',
		);
		expect(remediation).toContain("blockedArguments");
		expect(details).toEqual({
			violation: "argument_blocked",
			index: 0,
			key: "blockedArguments",
		});
	});

	it("that allow have to match each argument as a whole", () => {
		const policy = { ...LITERAL, allowed };
		checkArguments(["status", "-s", "log"], policy);
		for (const arg of ["push", "status2", "-sx", ""]) {
			const { details } = refused(["log", arg], policy);
			expect(details).toMatchObject({
				violation: "argument_blocked",
				index: 1,
			});
		}
		expect(refused(["push"], policy).remediation).toContain(
			'"status|log", "-[a-z]"',
		);
		const none = refused(["x"], { ...policy, allowed: [] });
		expect(none.details).toMatchObject({ violation: "argument_blocked" });
		expect(none.remediation).toContain("allows no arguments");
	});

	it("that block win over those that allow", () => {
		const both = {
			...LITERAL,
			blocked,
			allowed: [compilePattern(".*", "allowedArguments")],
		};
		expect(refused(["push"], both).details).toMatchObject({
			key: "blockedArguments",
		});
	});
});
